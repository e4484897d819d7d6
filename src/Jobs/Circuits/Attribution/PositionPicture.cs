using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>The maps of effects by position on the page of <see cref="AttributeJob"/>.</summary>
static class PositionPicture
{
    const string Format = "+0.000;-0.000;0";

    internal static void AddTo(HtmlReport page, PositionEffectsResult found)
    {
        page.Heading("By position");
        page.Paragraph("The same effects, position by position: how much the metric would rise if the clean "
            + "values took the place of the corrupted ones there alone. Those of a node add up to its "
            + "effect.");
        page.Figure(Map("Effect of the stream into each block", "layer",
            found.Streams.Select(s => ($"layer {s.Layer}", s.Position, s.Effect)), found.Texts),
            "All that was written into the stream before the block, together.");
        page.Figure(Map("Effect of each head", "head", found.Nodes.Where(n => n.Head is not null)
            .Select(n => ($"{n.Layer}.{n.Head}", n.Position, n.Effect)), found.Texts),
            "What each head writes at a position.");
        page.Figure(Map("Effect of each feed-forward block", "layer",
            found.Nodes.Where(n => n.Layer is not null && n.Head is null)
            .Select(n => ($"mlp {n.Layer}", n.Position, n.Effect)), found.Texts),
            "What each feed-forward block writes at a position. Rest on a cell for its place and value.");
    }

    static string Map(string title, string down, IEnumerable<(string Row, int Position, double Effect)> cells,
        IReadOnlyList<string>? texts)
    {
        (string Row, int Position, double Effect)[] all = [.. cells];
        string[] rows = [.. all.Select(c => c.Row).Distinct()];
        int[] columns = [.. all.Select(c => c.Position).Distinct().Order()];
        Dictionary<(string, int), double> values = all.ToDictionary(c => (c.Row, c.Position), c => c.Effect);
        return SvgChart.ValueMap(title, rows, [.. columns.Select(p => PositionName.Of(p, texts))],
            (r, c) => values[(rows[r], columns[c])], Format, new ChartAxes("position", down));
    }
}
