using HeadTap.Inject;
using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>The page that <c>inject compare --report</c> writes, and the rows of its tables.</summary>
public static class ComparisonReport
{
    const int ListedTokens = 12;

    /// <summary>
    /// Returns a table row for a layer or head: cosine, shared tokens, ranks, and both lists.
    /// </summary>
    public static IReadOnlyList<string> Cells(
        PlaceComparison place, ShownComparison shown, int tokens)
    {
        string name = place.Head is { } head ? $"{place.Layer}.{head}" : $"layer {place.Layer}";
        string[] ranks = [$"{place.Explicit.Bridge!.Value.Best} > {place.Obscure.Bridge!.Value.Best}",
            .. shown.HasAnswer ? (string[])[$"{place.Explicit.AnswerRank} > {place.Obscure.AnswerRank}"]
                : []];
        return [name, $"{place.Cosine:0.000}", $"{place.Shared} of {place.Explicit.Top.Count}", .. ranks,
            List(place.Explicit, shown, tokens), List(place.Obscure, shown, tokens)];
    }

    static ChartAxes HeadsByLayer { get; } = new("head", "layer");

    internal static void Save(string path, ShownComparison shown)
    {
        PromptPair pair = shown.Pair.Pair;
        var report = new HtmlReport("What attention writes when the entity is named, and when it is not");
        report.Paragraph($"Single-hop: \"{pair.Explicit}\". Multi-hop: \"{pair.Obscure}\". "
            + $"The entity between the hops is \"{pair.Bridge}\"."
            + (shown.HasAnswer ? $" The answer is \"{pair.Answer}\"." : ""));
        report.Paragraph("Each layer's attention output and each head's part of it at the last position, "
            + "read as tokens with the "
            + (shown.Jacobian ? "Jacobian lens of the layer, the " : "")
            + "unembedding and its bias, without a LayerNorm. Lists are the "
            + $"{shown.Found.Layers[0].Explicit.Top.Count} largest logits of each.");
        AddLines(report, shown);
        AddMaps(report, shown);
        AddTables(report, shown);
        report.Save(path);
    }

    static void AddLines(HtmlReport report, ShownComparison shown)
    {
        IReadOnlyList<PlaceComparison> layers = shown.Found.Layers;
        string[] labels = [.. layers.Select(p => $"layer {p.Layer}")];
        report.Heading("Layer by layer");
        report.Figure(SvgChart.Lines("Cosine between the two attention outputs", labels,
            [new("single, multi", [.. layers.Select(p => p.Cosine)])], format: "0.0",
            names: new("layer", "cosine")),
            "1 is the same direction: the layer writes the same for both prompts.");
        List<ChartLine> ranks =
        [
            new("bridge, single", [.. layers.Select(p => (double)p.Explicit.Bridge!.Value.Best)]),
            new("bridge, multi", [.. layers.Select(p => (double)p.Obscure.Bridge!.Value.Best)]),
        ];
        if (shown.HasAnswer)
        {
            ranks.Add(new("answer, single", [.. layers.Select(p => (double)p.Explicit.AnswerRank!.Value)]));
            ranks.Add(new("answer, multi", [.. layers.Select(p => (double)p.Obscure.AnswerRank!.Value)]));
        }
        report.Figure(SvgChart.Lines("Rank in what the layer writes, 1 is the top", labels, ranks,
            ChartAxis.Rank, "0", new("layer", "rank")),
            "Of the bridge's tokens the best. Where the single-hop line is above the multi-hop one, "
            + "attention recalls the entity only when it is named.");
    }

    static void AddMaps(HtmlReport report, ShownComparison shown)
    {
        int L = shown.Found.Layers.Count, H = shown.Found.Heads.Count / L;
        string[] rows = [.. Enumerable.Range(0, L).Select(l => $"layer {l}")],
            columns = [.. Enumerable.Range(0, H).Select(h => $"{h}")];
        PlaceComparison At(int l, int h) => shown.Found.Heads[l * H + h];
        report.Heading("Head by head");
        report.Figure(SvgChart.HeatMap("Cosine between the two results", rows, columns,
            (l, h) => At(l, h).Cosine, "0.00", HeadsByLayer),
            "Layers from top to bottom, heads from left to right.");
        report.Figure(SvgChart.HeatMap("Overlap of the two lists (Jaccard)", rows, columns,
            (l, h) => At(l, h).Jaccard, "0.00", HeadsByLayer), "Tokens in both lists among those in either.");
        report.Figure(SvgChart.HeatMap("Powers of ten by which the bridge stands higher when it is named",
            rows, columns, (l, h) => Math.Log10((double)At(l, h).Obscure.Bridge!.Value.Best
                / At(l, h).Explicit.Bridge!.Value.Best), "0.0;-0.0;0.0", HeadsByLayer),
            "log10 of the bridge's rank, multi-hop over single-hop: orange heads write it when the prompt "
            + "names it, blue ones when the prompt goes round it.");
    }

    static void AddTables(HtmlReport report, ShownComparison shown)
    {
        string[] columns = ["place", "cosine#", "shared#", "bridge, single > multi#",
            .. shown.HasAnswer ? (string[])["answer, single > multi#"] : [], "single-hop writes",
            "multi-hop writes"];
        report.Heading("What they write");
        report.Table(columns, shown.Found.Layers.Select(p => Cells(p, shown, ListedTokens)));
        report.Table(columns, shown.Found.Heads.Select(p => Cells(p, shown, ListedTokens)));
    }

    static string List(Writing writing, ShownComparison shown, int tokens)
        => string.Join(' ', writing.Top.Take(tokens).Select(t => shown.Text(t.Token)));
}
