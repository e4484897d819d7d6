using System.Xml.Linq;

namespace HeadTap.Reports.Tests;

/// <summary>Charts as XML.</summary>
public sealed class SvgChartTests
{
    [Test]
    public void Charts_escape_their_labels_and_have_a_cell_for_each_value()
    {
        string map = SvgChart.HeatMap("a <b>", ["r&0"], ["c0", "c1"], (_, c) => c == 0 ? -1 : 2);
        XDocument svg = XDocument.Parse(map);
        Assert.That(svg.Descendants().Count(e => e.Name.LocalName == "rect"), Is.EqualTo(2));
        Assert.That(Elements(map, "rect").Count(e => (string?)e.Attribute("class") == "down"), Is.EqualTo(1));
        Assert.That(svg.Root!.Attribute("aria-label")!.Value, Is.EqualTo("a <b>"));
        string bars = SvgChart.Bars("p", [new("x", 0), new("y", 0.5, true)]);
        Assert.That(XDocument.Parse(bars).Descendants().Where(e => e.Name.LocalName == "rect")
            .Select(e => (double)e.Attribute("height")!), Is.EqualTo((double[])[0, 150]));
    }

    [Test]
    public void A_cell_without_a_value_is_blank()
    {
        XElement[] cells = [.. Elements(SvgChart.HeatMap("m", ["r"], ["a", "b", "c"],
            (_, c) => c == 1 ? double.NaN : c), "rect")];
        Assert.That(cells.Select(c => (string)c.Attribute("fill-opacity")!),
            Is.EqualTo((string[])["0.06", "0", "0.86"]));
        Assert.That(cells[1].Value, Is.EqualTo("r, b: no value"));
        Assert.That(cells[1].ElementsAfterSelf().First().Value, Is.Empty);
    }

    [Test]
    public void A_map_has_a_key_and_maps_of_one_scale_have_the_same()
    {
        string[] Key(string map) => [.. XDocument.Parse(map).Descendants()
            .Where(e => e.Name.LocalName == "circle").Select(e => ((XElement)e.NextNode!).Value)];
        double Low(int r, int c) => c == 0 ? -1 : 2;
        Assert.That(Key(SvgChart.HeatMap("m", ["r"], ["a", "b"], Low)),
            Is.EqualTo((string[])["-2.0", "0.0", "2.0"]));
        string narrow = SvgChart.HeatMap("m", ["r"], ["a", "b"], (_, c) => c, scale: 4);
        Assert.That(Key(narrow), Is.EqualTo((string[])["0.0", "4.0"]));
        Assert.That(Elements(narrow, "rect").Select(e => (double)e.Attribute("fill-opacity")!),
            Is.EqualTo((double[])[0.06, 0.26]));
        Assert.That(SvgChart.Largest(1, 2, Low), Is.EqualTo(2));
    }

    [Test]
    public void A_map_of_squares_names_each_by_its_place_and_value()
    {
        string map = SvgChart.ValueMap("v", ["layer 0", "layer 1"], ["0 The", "1 a very long token indeed"],
            (r, c) => r == 1 ? c - 1 : c == 0 ? double.NaN : 2, "+0.0;-0.0;0", new("position", "layer"));
        XElement[] squares = [.. Elements(map, "rect")];
        Assert.That(squares.Select(s => s.Value), Is.EqualTo((string[])["layer 0, 0 The: no value",
            "layer 0, 1 a very long token indeed: +2.0", "layer 1, 0 The: -1.0",
            "layer 1, 1 a very long token indeed: 0"]));
        Assert.That(
            squares.Select(s => $"{s.Attribute("class")!.Value} {s.Attribute("fill-opacity")!.Value}"),
            Is.EqualTo((string[])["plain 0", "up 0.86", "down 0.46", "up 0.06"]));
        string[] texts = [.. Elements(map, "text").Select(e => e.Value)];
        Assert.That(texts, Is.SupersetOf((string[])["position", "layer", "0 The", "1 a very long t…", "-2.0",
            "0", "+2.0"]));
        Assert.That(SvgChart.ValueMap("v", ["r"], ["c"], (_, _) => 1, "0", new("a", "b"), scale: 2),
            Does.Contain("fill-opacity=\"0.46\"")); // 0.06 and half of 0.8
    }

    [Test]
    public void A_map_of_words_has_their_values_as_colours()
    {
        string map = SvgChart.TokenMap("t", ["end", "before 0"], ["The", "<a long token>"],
            (r, c) => ($"w{r}{c}&", r == 1 && c == 0 ? double.NaN : c * 0.5), "0 %", new("position", ""), 1);
        XElement[] cells = [.. Elements(map, "rect")];
        Assert.That(cells.Select(s => s.Value), Is.EqualTo((string[])["end, The: w00&, 0 %",
            "end, <a long token>: w01&, 50 %", "before 0, The: w10&",
            "before 0, <a long token>: w11&, 50 %"]));
        Assert.That(cells.Select(s => $"{s.Attribute("class")!.Value} {s.Attribute("fill-opacity")!.Value}"),
            Is.EqualTo((string[])["up 0.06", "up 0.46", "plain 0", "up 0.46"]));
        Assert.That(Elements(map, "text").Select(e => e.Value), Is.SupersetOf((string[])["position", "The",
            "<a long …", "w00&", "before 0", "100 %"]));
    }

    [Test]
    public void Axes_have_names_where_they_are_given()
    {
        string map = SvgChart.HeatMap("m", ["r"], ["a"], (_, _) => 1, axes: new("head", "layer"));
        Assert.That(Elements(map, "text").Select(e => e.Value), Does.Contain("head").And.Contain("layer"));
        string lines = SvgChart.Lines("l", ["a"], [new("s", [1])], names: new("layer", "rank"));
        Assert.That(Elements(lines, "text").Select(e => e.Value), Does.Contain("layer").And.Contain("rank"));
    }

    [Test]
    public void Strips_have_names_of_axes_and_a_key_of_their_opacity()
    {
        string strips = SvgChart.Strips("s", ["r"], ["layer 0", "layer 1"], (_, g) => [g, 2 * g],
            new("neuron", "method"));
        string[] texts = [.. Elements(strips, "text").Select(e => e.Value)];
        Assert.That(texts, Is.SupersetOf((string[])["neuron", "method", "layer 0", "layer 1", "r"]));
        XElement[] rects = [.. Elements(strips, "rect")];
        string Opacity(XElement rect) => (string)rect.Attribute("fill-opacity")!;
        // Two strips, of which one has two cells, and then the key.
        Assert.That(rects.Select(Opacity),
            Is.EqualTo((string[])["0.12", "0.12", "0.58", "1", "0.12", "0.575", "1"]));
        Assert.That(rects[^3..].Select(rect => ((XElement)rect.NextNode!).Value),
            Is.EqualTo((string[])["0", "half of the row's largest", "the row's largest"]));
        double width = (double)XDocument.Parse(strips).Root!.Attribute("width")!;
        Assert.That(Elements(strips, "text").Select(e => (double)e.Attribute("x")!),
            Has.All.LessThan(width - 20), "also where the strips are narrower than the key");
    }

    [TestCase("-0.00 %", "0.00 %"), TestCase("-0", "0"), TestCase("-0.01", "-0.01"), TestCase("-", "-"),
     TestCase("-0x", "-0x"), TestCase("0", "0"), TestCase("-0,0", "0,0")]
    public void Minus_zero_has_no_sign(string text, string shown)
        => Assert.That(NumberText.WithoutMinusZero(text), Is.EqualTo(shown));

    [Test]
    public void Numbers_of_charts_and_tables_are_never_minus_zero()
    {
        Assert.That(SvgChart.HeatMap("m", ["r"], ["a"], (_, _) => -0.01), Does.Not.Contain("-0.0<"));
        Assert.That(new HtmlReport("p").Table(["a#", "b"], [["-0.0", "-0.0"]]).ToString(),
            Does.Contain("<td class=\"n\">0.0</td><td>-0.0</td>"));
    }

    [Test]
    public void Series_of_a_scatter_plot_differ_in_shape_and_the_start_is_marked()
    {
        ChartCloud[] clouds = [.. Enumerable.Range(0, 6)
            .Select(i => new ChartCloud($"m{i}", (i, i), [(i, 0)], Colour: 0))];
        string svg = SvgChart.Scatter("s", new("x", 0, 6), new("y", 0, 6), clouds, before: (6, 6));
        var shapes = Elements(svg, "path").GroupBy(p => (string)p.Attribute("d")!).ToArray();
        Assert.That(shapes, Has.Length.EqualTo(6));
        Assert.That(shapes.Select(s => s.Count()), Is.All.EqualTo(4), "small, chosen, its marker, legend");
        Assert.That(Elements(svg, "text").Count(e => e.Value == "before"), Is.EqualTo(1));
        Assert.That(SvgChart.Scatter("s", new("x", 0, 6), new("y", 0, 6), clouds),
            Does.Not.Contain("before<"));
    }

    static IEnumerable<XElement> Elements(string svg, string name)
        => XDocument.Parse(svg).Descendants().Where(e => e.Name.LocalName == name);
}
