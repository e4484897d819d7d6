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
        Assert.That(svg.Descendants().Count(e => (string?)e.Attribute("class") == "down"), Is.EqualTo(1));
        Assert.That(svg.Root!.Attribute("aria-label")!.Value, Is.EqualTo("a <b>"));
        string bars = SvgChart.Bars("p", [new("x", 0), new("y", 0.5, true)]);
        Assert.That(XDocument.Parse(bars).Descendants().Where(e => e.Name.LocalName == "rect")
            .Select(e => (double)e.Attribute("height")!), Is.EqualTo((double[])[0, 150]));
    }
}
