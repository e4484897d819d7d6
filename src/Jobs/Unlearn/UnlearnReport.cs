using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Unlearn;
using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>
/// The page of a sweep: the table of methods, memorisation against accuracy, and the places that each method
/// edited.
/// </summary>
/// <param name="found">Best settings by checkpoint.</param>
/// <param name="models">Names of the checkpoints.</param>
/// <param name="rule">Rule that selected them.</param>
/// <param name="padded">Whether accuracy counts padding.</param>
/// <param name="published">Published figures for comparison; null for none.</param>
public sealed class UnlearnReport(IReadOnlyList<SweepSelection> found, IReadOnlyList<string> models,
    SelectionRule rule, bool padded, PublishedCell? published)
{
    /// <summary>Makes the page.</summary>
    /// <param name="title">Title of the page.</param>
    public HtmlReport Page(string title)
    {
        var page = new HtmlReport(title);
        page.Paragraph("Memorised: share of sequences that the model continues token for token by greedy "
            + "decoding. "
            + (rule == SelectionRule.Accuracy
                ? "Of each method stands the setting with the least relative change of memorisation minus "
                    + "mean relative change of the tests' accuracies"
                : "Of each method stands the setting with the least sum of the relative changes of "
                    + "memorisation and of perplexity on the keep set")
            + ", one for all runs. Best in bold, of those that change anything; ± is the standard deviation "
            + "over runs.");
        foreach (SweepSelection selection in found)
            Checkpoint(page, selection);
        return page;
    }

    void Checkpoint(HtmlReport page, SweepSelection selection)
    {
        page.Heading(models[selection.Checkpoint]);
        Table(page, selection);
        SweepSetting[] ran = [.. selection.Best.Where(s => s.Ran)];
        if (ran.Length == 0)
            return;
        page.Figure(Pareto(selection), "Numbers are the best settings of the table, small marks of the same "
            + "shape the others, the ring the model before; dashed: settings that no other beats in both. A "
            + "marker that would hide another stands aside, with a line to its point.");
        string[] layers = [.. ran[0].Runs[0].Layers.Select(l => $"layer {l.Layer}")];
        page.Figure(SvgChart.HeatMap("MLP weights changed, % of the layer's", [.. ran.Select(Short)], layers,
            (r, l) => Mean(ran[r], l, layer => 100.0 * layer.MlpWeights / layer.MlpWeightsOf), "0.##",
            MethodsByLayer),
            "Weights whose bits differ, of the layer's two feed-forward matrices.");
        page.Figure(SvgChart.HeatMap("Neurons touched, % of the layer's", [.. ran.Select(Short)], layers,
            (r, l) => Mean(ran[r], l, layer => 100.0 * layer.Neurons / layer.NeuronsOf), "0.##",
            MethodsByLayer),
            "Feed-forward neurons with a changed incoming weight, bias or outgoing weight.");
        page.Figure(SvgChart.Strips("Where among the neurons", [.. ran.Select(Short)], layers,
            (r, l) => [.. Enumerable.Range(0, ran[r].Runs[0].Layers[l].Bins.Count)
                .Select(b => ran[r].Runs.Average(run => run.Layers[l].Bins[b]))],
            new("layer, and in each its neurons in order", "method")),
            "Each strip is a layer's neurons in their order, in at most 64 runs; the darker, the more "
            + "weights changed, beside the method's own most changed run.");
    }

    static ChartAxes MethodsByLayer { get; } = new("layer", "method");

    void Table(HtmlReport page, SweepSelection selection)
    {
        SweepSetting[] best = [.. selection.Best];
        Column[] columns = [.. Columns(selection)];
        string[]?[] cells = [NoneRow(selection, columns), .. best.Select(s => s.Ran ? Cells(s, columns)
            : null)];
        page.Table(["method", .. columns.Select(c => c.Title + "#"), "budget#", "setting"],
            cells.Select((row, i) => (IReadOnlyList<string>)(row is not null
                ? [i == 0 ? "none" : Title(best[i - 1].Method), .. row,
                    i == 0 ? "" : best[i - 1].Budget.ToString("0.######", CultureInfo.InvariantCulture),
                    i == 0 ? "" : Setting(best[i - 1])]
                : [Title(best[i - 1].Method), .. columns.Select(_ => ""), "", Error(best[i - 1])])),
            (row, column) => row > 0 && column > 0 && column <= columns.Length && Edited(best[row - 1])
                && columns[column - 1].IsBest(best[row - 1], best.Where(Edited)));
    }

    // A setting that changes nothing keeps everything, so it does not count as best.
    static bool Edited(SweepSetting setting) => setting.Ran && setting.Runs.Any(r =>
        r.ChangedElsewhere > 0 || r.Layers.Any(l => l.Weights > 0));

    // Better: 1 if more is better, -1 if less is, 0 if nothing is compared.
    sealed record Column(string Title, string Format, int Better, Func<SweepRow, double?> After,
        Func<SweepRow, double?>? Before = null, Func<string, double?>? Constant = null)
    {
        internal string Text(SweepSetting setting, Func<SweepRow, double?> value)
        {
            if (Constant is not null || setting.Runs.Any(r => value(r) is null))
                return "";
            (double mean, double? spread) = setting.Over(r => value(r)!.Value);
            return Number(mean) + (spread is { } s ? " ± " + Number(s) : "");
        }

        // The perplexity of a wrecked model may have more digits than the table has room for.
        internal string Number(double? value) => value?.ToString(
            Math.Abs(value.Value) < 1e6 ? Format : "0.0e+0", CultureInfo.InvariantCulture) ?? "";

        // Values with the same text are equally good.
        internal bool IsBest(SweepSetting setting, IEnumerable<SweepSetting> all)
        {
            if (Better == 0 || setting.Runs.Any(r => After(r) is null))
                return false;
            double[] means = [.. all.Where(s => s.Runs.All(r => After(r) is { } v && double.IsFinite(v)))
                .Select(Mean)];
            return means.Length > 0
                && Number(Mean(setting)) == Number(Better > 0 ? means.Max() : means.Min());
        }

        double Mean(SweepSetting setting) => setting.Over(r => After(r)!.Value).Mean;
    }

    IEnumerable<Column> Columns(SweepSelection selection)
    {
        SweepMeasures? first = selection.Widest.Runs[0].Before;
        yield return new("memorised %", "0.00", -1, r => 100 * r.After!.Memorised,
            r => 100 * r.Before!.Memorised);
        foreach ((int i, CompressedRecall recall) in (selection.Widest.Runs[0].Compressed ?? []).Index())
            yield return new($"memorised % after {recall.After}", "0.00", -1,
                r => 100 * r.Compressed?[i].Memorised);
        yield return new("loose %", "0.00", -1, r => 100 * r.After!.Loose, r => 100 * r.Before!.Loose);
        if (first?.MeanAccuracy(padded) is not null)
            yield return new(padded ? "accuracy %, padding counted" : "accuracy %", "0.00", 1,
                r => 100 * r.After!.MeanAccuracy(padded), r => 100 * r.Before!.MeanAccuracy(padded));
        if (first?.Perplexity is not null)
            yield return new("keep perplexity", "0.000", -1, r => r.After!.Perplexity,
                r => r.Before!.Perplexity);
        yield return new("seconds", "0.00", -1, r => r.Seconds());
        if (published is null)
            yield break;
        yield return new("published: memorised %", "0.00", 0, _ => null,
            Constant: m => 100 * Figures(m)?.Memorised);
        yield return published.Figures["none"].Accuracy is not null
            ? new("accuracy %", "0.00", 0, _ => null, Constant: m => 100 * Figures(m)?.Accuracy)
            : new("perplexity", "0.00", 0, _ => null, Constant: m => Figures(m)?.Perplexity);
        yield return new("seconds", "0.00", 0, _ => null, Constant: m => Figures(m)?.Seconds);
    }

    PublishedFigures? Figures(string method) => published!.Figures.GetValueOrDefault(method);

    static string[] NoneRow(SweepSelection selection, Column[] columns)
    {
        SweepSetting setting = selection.Widest;
        return [.. columns.Select(c => c.Constant is { } constant ? c.Number(constant("none"))
            : c.Before is { } before && setting.Runs.All(r => r.Before is not null)
                ? c.Text(setting, before) : "")];
    }

    static string[] Cells(SweepSetting setting, Column[] columns) => [.. columns.Select(c =>
        c.Constant is { } constant ? c.Number(constant(setting.Method)) : c.Text(setting, c.After))];

    string Pareto(SweepSelection selection)
    {
        bool byAccuracy = rule == SelectionRule.Accuracy;
        (double X, double Y) Point(SweepSetting s) => (s.Over(r => 100 * r.After!.Memorised).Mean,
            s.Over(r => (byAccuracy ? 100 * r.After!.MeanAccuracy(padded) : -r.After!.Perplexity)
                ?? double.NaN).Mean);
        ChartCloud[] clouds = [.. selection.Best.Where(b => b.Ran).Select(b => new ChartCloud(Title(b.Method),
            Point(b), [.. selection.Settings.Where(s => s.Method == b.Method && s.Ran && s != b)
                .Select(Point)], Family(b.Method)))];
        SweepMeasures? before = selection.Widest.Runs[0].Before;
        double[] ys = [.. clouds.SelectMany(c => c.Others.Append(c.Chosen!.Value)).Select(p => p.Y)
            .Where(double.IsFinite)];
        double[] xs = [.. clouds.SelectMany(c => c.Others.Append(c.Chosen!.Value)).Select(p => p.X)
            .Where(double.IsFinite), 100 * (before?.Memorised ?? 0), 1];
        double low = ys.DefaultIfEmpty(0).Min(), high = ys.DefaultIfEmpty(1).Max();
        double room = Math.Max(1, (high - low) * 0.05);
        return SvgChart.Scatter($"Memorised against {(byAccuracy ? "accuracy" : "perplexity")}",
            // Each axis has five parts with whole numbers.
            new("memorised %", 0, 5 * Math.Ceiling(xs.Max() / 5)), byAccuracy
                ? new("accuracy %", 5 * Math.Max(0, Math.Floor((low - room) / 5)),
                    5 * Math.Min(20, Math.Ceiling((high + room) / 5)))
                : new("perplexity, less is higher", low - room, high + room), clouds, "0.#", Start(before));

        (double, double)? Start(SweepMeasures? b) => b is null ? null
            : (100 * b.Memorised, (byAccuracy ? 100 * b.MeanAccuracy(padded) : -b.Perplexity) ?? double.NaN);
    }

    static double Mean(SweepSetting setting, int layer, Func<SweepLayer, double> value)
        => setting.Runs.Average(r => value(r.Layers[layer]));

    static string Short(SweepSetting setting) => setting.Method;

    static string Title(string method)
        => MethodCatalog.All.FirstOrDefault(m => m.Name == method)?.Title ?? method;

    static int Family(string method)
        => (int)(MethodCatalog.All.FirstOrDefault(m => m.Name == method)?.Family ?? MethodFamily.Control);

    static string Setting(SweepSetting setting) => string.Join(", ", JsonNode.Parse(setting.Options)!
        .AsObject().Select(o => $"{o.Key.Replace('_', ' ')} {o.Value}"));

    static string Error(SweepSetting setting)
        => "cannot run: " + setting.Runs.FirstOrDefault(r => r.Error is not null)?.Error;
}
