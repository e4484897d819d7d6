using System.Globalization;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The page of a sweep: heat maps of layer by magnitude, the best cells, the cost, and single pairs. It has
/// no times, so that an interrupted sweep writes the same bytes.
/// </summary>
public sealed class SweepReport(SweepSummary summary, SweepCost cost, string title)
{
    readonly SweepGrid _grid = summary.Grid;

    /// <summary>Writes the page.</summary>
    /// <param name="path">HTML file to write.</param>
    /// <param name="pairs">Number of pairs to show one by one.</param>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public void Save(string path, int pairs)
    {
        var page = new HtmlReport($"Memory injection: {title}");
        Overview(page);
        for (int e = 0; e < _grid.Encoders.Count; e++)
            for (int p = 0; p < _grid.Positions.Count; p++)
                Maps(page, e, p);
        Cost(page);
        Pairs(page, pairs);
        page.Save(path);
    }

    void Overview(HtmlReport page)
    {
        page.Paragraph($"{Counted.Of(summary.Rows.Count, "pair")} of prompts. The answer's mean probability "
            + $"is {Percent(summary.ExplicitProbability)} after the single-hop prompts and "
            + $"{Percent(summary.Probability)} after the multi-hop prompts. Each pair's memory is added to "
            + $"{SiteNames.Of(_grid.Target)} of the layer while the multi-hop prompt runs, tau times its "
            + "vector"
            + (_grid.RelativeToStream ? ", tau in units of the stream's norm." : "."));
        page.Heading("Best cells").Table(
            ["best by", "encoder", "positions", "layer#", "tau#", "trimmed mean#", "median#", "mean p#",
                "mean p after#", "to rank 1#", "from rank 1#"],
            SweepSummary.Choices.Select(
                choice => Row(choice.Name.Replace('_', ' '), summary.Best(choice))));
        page.Paragraph("Relative change of the answer's probability, 100 (p after / p before - 1): its mean "
            + "over pairs without those beyond two sample standard deviations (the paper's), its median, and "
            + "the change of the mean probability. To rank 1: pairs whose answer became the most probable "
            + "token; from rank 1: pairs whose answer no longer is. The trimmed mean is ruled by pairs with "
            + "a tiny probability; the others are not.");
    }

    static string[] Row(string name, CellSummary c) =>
    [
        name, SweptCell.Word(c.Cell.Encoder), SweptCell.Word(c.Cell.Positions), $"{c.Cell.Layer}",
        Tau(c.Cell.Tau), SignedPercent.Of(c.Gain.TrimmedMean), SignedPercent.Of(c.Gain.Median),
        SignedPercent.Of(c.Gain.ProbabilityChange), Percent(c.Gain.MeanAfter), $"{c.Repaired}", $"{c.Broken}",
    ];

    void Maps(HtmlReport page, int encoder, int positions)
    {
        string name = $"{SweptCell.Word(_grid.Encoders[encoder])}, "
            + $"{SweptCell.Word(_grid.Positions[positions])} positions";
        page.Heading($"Layer by tau: {name}");
        foreach ((string what, Func<CellSummary, double> value) in ((string, Func<CellSummary, double>)[])
            [("Trimmed mean of the relative change, %", c => c.Gain.TrimmedMean),
            ("Median of the relative change, %", c => c.Gain.Median),
            ("Change of the mean probability, %", c => c.Gain.ProbabilityChange)])
            page.Figure(Map(what, (l, t) => value(
                summary.Cells[_grid.IndexOf(encoder, positions, l, t)]), "0"), $"{what}: {name}.");
    }

    void Cost(HtmlReport page) => page.Heading("What it cost").Paragraph(
        $"{summary.Rows.Count * (long)summary.Cells.Count} injections, "
        + $"{cost.Sweep.ToString("0.00e+0", CultureInfo.InvariantCulture)} multiply-adds in matrix products. "
        + "A whole forward pass for each would take "
        + $"{cost.CellByCell.ToString("0.00e+0", CultureInfo.InvariantCulture)}, "
        + $"{cost.Saved.ToString("0.0", CultureInfo.InvariantCulture)} times as many: here what lies below "
        + "the edited layer is computed once for a pair, and all cells of a layer are rows of one pass, so "
        + "that weights are read once for all of them.");

    void Pairs(HtmlReport page, int count)
    {
        CellSummary best = summary.Best(SweepSummary.Choices[0]);
        int cell = summary.Cells.ToList().IndexOf(best);
        (SweptPrompt Prompt, IReadOnlyList<SweptCell> Cells)[] order =
        [
            .. summary.Rows.Where(r => r.Cells[cell].PAfter is not null)
                .OrderByDescending(r => r.Cells[cell].PAfter - r.Prompt.PObscure)
                .ThenBy(r => r.Prompt.Prompt),
        ];
        int gains = Math.Min((count + 1) / 2, order.Length);
        int losses = Math.Min(count / 2, order.Length - gains);
        if (gains == 0)
            return;
        page.Heading("Pair by pair").Paragraph($"At layer {best.Cell.Layer}, tau {Tau(best.Cell.Tau)}: the "
            + $"{Counted.Of(gains, "pair")} whose answer gains most, then the {losses} that gain least. All "
            + "are in cells.jsonl.");
        foreach (var row in order.Take(gains).Concat(order.TakeLast(losses)))
            Pair(page, row.Prompt, row.Cells, row.Cells[cell]);
    }

    void Pair(HtmlReport page, SweptPrompt prompt, IReadOnlyList<SweptCell> cells, SweptCell chosen)
        => page.Details($"{prompt.Obscure} … {prompt.Answer}: {Percent(prompt.PObscure)} (rank "
            + $"{prompt.RankObscure}) → {Percent(chosen.PAfter!.Value)} (rank {chosen.RankAfter})", inside =>
        {
            inside.Paragraph($"Single-hop: {prompt.Explicit} … {Percent(prompt.PExplicit)} (rank "
                + $"{prompt.RankExplicit}). Memory: \"{prompt.Memory}\".");
            // The maps of one pair are to be compared.
            double largest = 100 * cells.Max(c => Math.Abs((c.PAfter ?? prompt.PObscure) - prompt.PObscure));
            for (int e = 0; e < _grid.Encoders.Count; e++)
                for (int p = 0; p < _grid.Positions.Count; p++)
                {
                    int first = _grid.IndexOf(e, p, 0, 0);
                    if (cells[first].PAfter is null)
                        continue;
                    (int encoder, int positions) = (e, p);
                    inside.Figure(Map(
                        $"Change of p, points: {cells[first].Encoder}, {cells[first].Position}",
                        (l, t) => 100 * (cells[_grid.IndexOf(encoder, positions, l, t)].PAfter!.Value
                            - prompt.PObscure), "0.0", largest), "Layer by tau.");
                }
        });

    string Map(string name, Func<int, int, double> value, string format, double? scale = null)
        => SvgChart.HeatMap(name,
        [.. _grid.Layers.Select(l => $"layer {l}")], [.. _grid.Taus.Select(t => $"τ {Tau(t)}")],
        value, format, new("tau", "layer"), scale);

    static string Tau(float tau) => tau.ToString(CultureInfo.InvariantCulture);

    static string Percent(double p) => p.ToString("0.00 %", CultureInfo.InvariantCulture);
}
