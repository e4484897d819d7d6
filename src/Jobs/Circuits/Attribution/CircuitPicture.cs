using HeadTap.Models;
using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>Draws a circuit: a row for the input, two for each block (heads, feed-forward), one for the
/// logits.</summary>
static class CircuitPicture
{
    static readonly string[] s_inputs = ["q", "k", "v"];

    internal static string Draw(AttributeResult found, ModelConfig config)
    {
        string[] rows =
        [
            "input", .. Enumerable.Range(0, config.Layers).SelectMany(l =>
                (string[])[$"heads {l}", $"mlp {l}"]), "logits",
        ];
        IReadOnlyList<string> names = found.Circuit.Nodes;
        GraphNode[] nodes = [.. names.Select(name =>
            new GraphNode(name, RowOf(name, found, rows.Length - 1)))];
        Dictionary<string, int> index = names.Index().ToDictionary(n => n.Item, n => n.Index);
        return SvgChart.Graph(
            $"The circuit: {found.Circuit.Edges.Count} of {found.Circuit.Of} edges", rows, nodes,
            [.. found.Circuit.Edges.Select(e => new GraphEdge(index[e.From], index[e.To], e.Effect,
                1 + Array.IndexOf(s_inputs, e.Input), e.Name))],
            ["whole", "queries", "keys", "values"], "0.####");
    }

    static int RowOf(string name, AttributeResult found, int last)
    {
        NodeEffectResult? node = found.Nodes.FirstOrDefault(n => n.Node == name);
        return node is null ? last : node.Layer is not { } layer ? 0
            : 1 + 2 * layer + (node.Head is null ? 1 : 0);
    }
}
