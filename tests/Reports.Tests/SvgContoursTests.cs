using System.Xml.Linq;

namespace HeadTap.Reports.Tests;

/// <summary>Values over a plane.</summary>
public sealed class SvgContoursTests
{
    static ChartField Field(Func<double, double, double> value)
    {
        double[] axis = [-1, -0.5, 0, 0.5, 1];
        return new(axis, axis, [.. axis.SelectMany(y => axis.Select(x => value(x, y)))]);
    }

    [Test]
    public void A_contour_of_a_slope_is_straight_and_lies_where_its_value_is()
    {
        var pieces = ContourLines.Of(Field((x, y) => 2 * x + y), 0.7);
        Assert.That(pieces, Is.Not.Empty);
        foreach (((double X, double Y) from, (double X, double Y) to) in pieces)
        {
            Assert.That(2 * from.X + from.Y, Is.EqualTo(0.7).Within(1e-12));
            Assert.That(2 * to.X + to.Y, Is.EqualTo(0.7).Within(1e-12));
        }
        Assert.That(ContourLines.Of(Field((x, y) => x), 3), Is.Empty);
    }

    [Test]
    public void A_value_that_is_not_finite_is_blank_and_has_no_contour_beside_it()
    {
        ChartField field = Field((x, y) => x == 0 && y == 0 ? double.NaN : x);
        Assert.That(ContourLines.Of(field, 0.25).Select(p => p.From.Y), Has.All.Matches<double>(
            y => Math.Abs(y) >= 0.5));
        XDocument svg = XDocument.Parse(SvgChart.Contours("a <b>", new("x", "y"), field,
            [new("m&m", 0.5, 0.5), new("outside", 3, 0)], joined: true));
        int cells = svg.Descendants().Count(e => e.Name.LocalName == "rect"
            && e.Elements().Any(t => t.Name.LocalName == "title"));
        Assert.That(cells, Is.EqualTo(24));
        Assert.That(svg.Descendants().Count(e => e.Name.LocalName == "circle"), Is.EqualTo(1));
    }

    [Test]
    public void Losses_over_several_magnitudes_are_drawn_by_ratios()
    {
        Assert.That(ContourLevels.Of([2, 5, double.NaN]).IsLogarithmic, Is.False);
        ContourLevels wide = ContourLevels.Of([1, 100]);
        Assert.That(wide.IsLogarithmic, Is.True);
        Assert.That(wide.Share(10), Is.EqualTo(0.5).Within(1e-12));
        Assert.That(wide.Lines(1)[0], Is.EqualTo(10).Within(1e-12));
        Assert.That((wide.Colour(1), wide.Colour(100)), Is.EqualTo((ContourLevels.Palette[0],
            ContourLevels.Palette[^1])));
        Assert.That(ContourLevels.Of([-1, 100]).IsLogarithmic, Is.False);
        Assert.That(ContourLevels.Of([4, 4]).Share(4), Is.Zero);
    }
}
