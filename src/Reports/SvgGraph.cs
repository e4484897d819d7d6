using System.Globalization;
using System.Net;
using System.Text;

namespace HeadTap.Reports;

/// <summary>A node of <see cref="SvgChart.Graph"/>.</summary>
/// <param name="Name">Text in its box.</param>
/// <param name="Row">Index of its row, from the bottom.</param>
public sealed record GraphNode(string Name, int Row);

/// <summary>An edge of <see cref="SvgChart.Graph"/>, from a lower row to a higher one.</summary>
/// <param name="From">Index of the node that it begins at.</param>
/// <param name="To">Index of the node that it ends at.</param>
/// <param name="Weight">Its weight: the colour shows the sign, width and strength the size.</param>
/// <param name="Kind">Index of its kind, which the dashes show.</param>
/// <param name="Name">Its name in the tip; the two nodes' if empty.</param>
public sealed record GraphEdge(int From, int To, double Weight, int Kind = 0, string Name = "");

public static partial class SvgChart
{
    const int NodeWidth = 58, NodeHeight = 22, NodeStep = 70, RowStep = 74, GraphLeft = 78, GraphKey = 30;
    const double Thinnest = 0.6, Thickest = 5, FaintestEdge = 0.25, StrongestEdge = 0.9;

    static readonly string[] s_dashes = ["", "8 3", "2 3", "9 3 2 3"];

    const string GraphStyle = """
        <style>.ht .edge{fill:none;stroke:#d9730d}.ht .edge.neg{stroke:#2f6fde}
        .ht .node{fill:#f4f6f8;stroke:#8a94a3}.ht .mark{fill:none;stroke:#8a94a3;stroke-width:2}
        @media (prefers-color-scheme:dark){.ht .edge{stroke:#f2994a}.ht .edge.neg{stroke:#5b9bff}
        .ht .node{fill:#1d232b}}</style>
        """;

    /// <summary>
    /// Draws a layered graph, its first row at the bottom: orange edges above zero, blue ones below; larger
    /// weights are wider and stronger. A key says which dashes a kind has. A row without nodes takes no
    /// room.
    /// </summary>
    /// <param name="title">Title above the graph.</param>
    /// <param name="rows">Labels of the rows, from the bottom.</param>
    /// <param name="nodes">Nodes; those of a row stand in this order.</param>
    /// <param name="edges">Edges; smaller ones are drawn first.</param>
    /// <param name="kinds">Names of the kinds of edges, at most four; empty for none.</param>
    /// <param name="format">.NET number format of the weights.</param>
    /// <exception cref="ArgumentException">An edge does not lead to a higher row, or there are more kinds
    /// than dashes.</exception>
    public static string Graph(string title, IReadOnlyList<string> rows, IReadOnlyList<GraphNode> nodes,
        IReadOnlyList<GraphEdge> edges, IReadOnlyList<string> kinds, string format = "0.###")
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(nodes);
        ArgumentNullException.ThrowIfNull(edges);
        ArgumentNullException.ThrowIfNull(kinds);
        if (kinds.Count > s_dashes.Length || edges.Any(e => nodes[e.From].Row >= nodes[e.To].Row))
            throw new ArgumentException($"{kinds.Count} kinds, or an edge that does not lead upwards.");
        int[] used = [.. nodes.Select(n => n.Row).Distinct().OrderDescending()]; // from the top
        int widest = nodes.GroupBy(n => n.Row).Select(g => g.Count()).DefaultIfEmpty(1).Max();
        int width = Math.Max(GraphLeft + widest * NodeStep + 10, GraphLeft + 90 * kinds.Count);
        int bottom = Top + Math.Max(used.Length, 1) * RowStep;
        (double X, double Y)[] places = [.. nodes.Select((n, i) => Place(nodes, i, used, widest))];
        var svg = new StringBuilder();
        Begin(svg, title, width, bottom + GraphKey);
        svg.Append(GraphStyle);
        double largest = edges.Select(e => Math.Abs(e.Weight)).DefaultIfEmpty(0).Max();
        foreach (GraphEdge edge in edges.OrderBy(e => Math.Abs(e.Weight)))
            AppendEdge(svg, edge, places, largest, edge.Name.Length > 0 ? edge.Name
                : $"{nodes[edge.From].Name} to {nodes[edge.To].Name}", format);
        for (int i = 0; i < used.Length; i++)
            Text(svg, GraphLeft - 10, Top + i * RowStep + NodeHeight / 2 + 4, "end", rows[used[i]]);
        for (int i = 0; i < nodes.Count; i++)
            AppendNode(svg, places[i], nodes[i].Name);
        for (int i = 0; i < kinds.Count; i++)
            AppendKind(svg, GraphLeft + 90 * i, bottom + 6, s_dashes[i], kinds[i]);
        return svg.Append("</svg>").ToString();
    }

    // The middle of a node's box; the nodes of a row stand around the middle of the widest one.
    static (double X, double Y) Place(IReadOnlyList<GraphNode> nodes, int node, int[] used, int widest)
    {
        int row = nodes[node].Row, count = nodes.Count(n => n.Row == row);
        int before = nodes.Take(node).Count(n => n.Row == row);
        return (GraphLeft + (widest - count) * NodeStep / 2.0 + (before + 0.5) * NodeStep,
            Top + Array.IndexOf(used, row) * RowStep + NodeHeight / 2.0);
    }

    static void AppendEdge(StringBuilder svg, GraphEdge edge, (double X, double Y)[] places, double largest,
        string name, string format)
    {
        (double x, double y) = (places[edge.From].X, places[edge.From].Y - NodeHeight / 2.0);
        (double toX, double toY) = (places[edge.To].X, places[edge.To].Y + NodeHeight / 2.0);
        double share = largest > 0 ? Math.Abs(edge.Weight) / largest : 0, bend = (y - toY) / 2;
        // An edge between nodes one above the other goes around those that lie between them.
        double rows = Math.Round((y - toY + NodeHeight) / RowStep);
        double bow = rows > 1 && Math.Abs(x - toX) < NodeWidth / 2.0
            ? Math.Min(16 * rows, 1.5 * NodeStep) : 0;
        svg.Append(CultureInfo.InvariantCulture,
            $"<path class=\"edge{(edge.Weight < 0 ? " neg" : "")}\" d=\"M{x:0.##},{y:0.##}"
            + $"C{x + bow:0.##},{y - bend:0.##} {toX + bow:0.##},{toY + bend:0.##} {toX:0.##},{toY:0.##}\" "
            + $"stroke-width=\"{Thinnest + (Thickest - Thinnest) * share:0.##}\" "
            + $"stroke-opacity=\"{FaintestEdge + (StrongestEdge - FaintestEdge) * share:0.##}\""
            + $"{Dashes(s_dashes[edge.Kind])}><title>")
            .Append(WebUtility.HtmlEncode($"{name}: {NumberText.Of(edge.Weight, format)}"))
            .Append("</title></path>");
    }

    static string Dashes(string pattern) => pattern.Length == 0 ? "" : $" stroke-dasharray=\"{pattern}\"";

    static void AppendNode(StringBuilder svg, (double X, double Y) place, string name)
    {
        svg.Append(CultureInfo.InvariantCulture,
            $"<rect class=\"node\" x=\"{place.X - NodeWidth / 2.0:0.##}\" "
            + $"y=\"{place.Y - NodeHeight / 2.0:0.##}\" width=\"{NodeWidth}\" height=\"{NodeHeight}\" "
            + $"rx=\"5\"/>");
        Text(svg, (int)place.X, (int)place.Y + 4, "middle", name);
    }

    static void AppendKind(StringBuilder svg, int x, int y, string pattern, string name)
    {
        svg.Append(CultureInfo.InvariantCulture,
            $"<path class=\"mark\" d=\"M{x},{y}H{x + 28}\"{Dashes(pattern)}/>");
        Text(svg, x + 34, y + 4, "start", name);
    }
}
