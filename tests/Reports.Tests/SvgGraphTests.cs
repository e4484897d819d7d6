using System.Xml.Linq;

namespace HeadTap.Reports.Tests;

public sealed class SvgGraphTests
{
    static readonly string[] s_rows = ["input", "unused", "heads", "logits"];

    static readonly GraphNode[] s_nodes = [new("in", 0), new("a", 2), new("b<1>", 2), new("out", 3)];

    static string Draw(params GraphEdge[] edges)
        => SvgChart.Graph("A graph", s_rows, s_nodes, edges, ["plain", "keys"]);

    static IEnumerable<XElement> All(string svg, string name, string @class)
        => XDocument.Parse(svg).Descendants().Where(e => e.Name.LocalName == name
            && ((string?)e.Attribute("class"))?.Split(' ')[0] == @class);

    [Test]
    public void Rows_go_up_and_an_empty_one_takes_no_room()
    {
        string svg = Draw(new GraphEdge(0, 1, 2), new GraphEdge(1, 3, -1, 1, "x & y"));
        double[] y = [.. All(svg, "rect", "node").Select(e => (double)e.Attribute("y")!)];
        Assert.That(y[1], Is.EqualTo(y[2]));
        Assert.That(y[0] - y[1], Is.EqualTo(y[1] - y[3]).And.Positive, "equal steps");
        Assert.That(svg, Does.Not.Contain("unused").And.Contain("b&lt;1&gt;"));
        Assert.That(svg, Is.EqualTo(Draw(new GraphEdge(0, 1, 2), new GraphEdge(1, 3, -1, 1, "x & y"))));
    }

    [Test]
    public void Edges_show_sign_size_and_kind()
    {
        string svg = Draw(new GraphEdge(0, 1, 2), new GraphEdge(1, 3, -1, 1, "x & y"));
        XElement[] edges = [.. All(svg, "path", "edge")];
        Assert.That(edges.Select(e => (string?)e.Attribute("class")),
            Is.EqualTo((string[])["edge neg", "edge"]), "the smaller one first");
        double[] widths = [.. edges.Select(e => (double)e.Attribute("stroke-width")!)];
        Assert.That(widths, Is.Ordered);
        Assert.That(edges.Select(e => e.Attribute("stroke-dasharray") is not null),
            Is.EqualTo((bool[])[true, false]));
        Assert.That(edges.Select(e => e.Value), Is.EqualTo((string[])["x & y: -1", "in to a: 2"]));
    }

    [Test]
    public void A_graph_without_edges_is_drawn_and_one_that_leads_down_is_refused()
    {
        Assert.That(() => XDocument.Parse(SvgChart.Graph("Nothing", s_rows, [], [], [])), Throws.Nothing);
        Assert.That(() => Draw(new GraphEdge(1, 2, 1)), Throws.ArgumentException);
        Assert.That(() => Draw(new GraphEdge(3, 0, 1)), Throws.ArgumentException);
    }
}
