using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>What <c>inject random</c> prints and writes.</summary>
static class RandomResults
{
    /// <summary>One cell.</summary>
    internal static void Show(Invocation run, RowInjections injections, string? path, Manifest manifest,
        RandomMemoryOptions options, RandomMemories found)
    {
        IEnumerable<(string Category, InjectedWord Word, int Layer)> rows =
        [
            (DrawnMemories.Curated, found.Curated, options.Layer),
            .. found.Categories.SelectMany(c => c.Words.Select(w => (c.Name, w, options.RandomLayer))),
        ];
        Write(path, manifest, rows.SelectMany(row => row.Word.After.Select((after, pair) =>
            Row(row.Category, row.Layer, options.Tau, pair, row.Word.Text.Length > 0 ? row.Word.Text
                : injections.Pairs[pair].Pair.Memory, found.Before[pair], after))));
        CategoryGain[] all = [new(DrawnMemories.Curated, [found.Curated]), .. found.Categories];
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["pairs"] = injections.Pairs.Count,
                ["layer"] = options.Layer,
                ["random_layer"] = options.RandomLayer,
                ["tau"] = options.Tau,
                ["p_before"] = found.Before.Average(b => b.Probability),
                ["categories"] = new JsonArray([.. all.Select(Json)]),
            });
            return;
        }
        Table table = Invocation.Table(
            "memories", "words", "trimmed mean", "median", "mean p", "mean p after", "rank 1");
        foreach (CategoryGain c in all)
            Invocation.Row(table, c.Name, $"{c.Words.Count}", Percent(c.TrimmedMean), Percent(c.Median),
                Percent(c.MeanProbabilityChange), $"{c.Words.Average(MeanAfter):P2}", $"{c.First:P1}");
        run.Draw(table);
        string layers = options.RandomLayer == options.Layer ? $"layer {options.Layer}"
            : $"curated in layer {options.Layer}, random in layer {options.RandomLayer}";
        run.Line($"{injections.Pairs.Count} pairs, {layers}, tau {options.Tau}; before: mean p "
            + $"{found.Before.Average(b => b.Probability):P2}, rank 1 "
            + $"{(double)found.Before.Count(b => b.Rank == 1) / found.Before.Count:P1}");
        if (path is not null)
            run.Remark($"written: {path}");
    }

    /// <summary>A grid of drawn memories.</summary>
    internal static void Show(Invocation run, RowInjections injections, string? path, Manifest manifest,
        IReadOnlyList<AnswerStanding> before, IReadOnlyList<DrawnMemories> found)
    {
        Write(path, manifest,
            from category in found
            from cell in category.Cells
            from pair in Enumerable.Range(0, before.Count)
            select Row(category.Name, cell.Layer, cell.Tau, pair, cell.Words[pair], before[pair],
                cell.After[pair]));
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["pairs"] = injections.Pairs.Count,
                ["p_before"] = before.Average(b => b.Probability),
                ["categories"] = new JsonArray([.. found.Select(c => new JsonObject
                {
                    ["category"] = c.Name,
                    ["cells"] = new JsonArray([.. c.Cells.Select(Json)]),
                })]),
            });
            return;
        }
        Table table = Invocation.Table(
            "memories", "mean over cells", "best cell", "its trimmed mean", "its mean p", "worst");
        foreach (DrawnMemories c in found)
        {
            DrawnCell best = c.Cells.MaxBy(cell => cell.Gain.TrimmedMean)!;
            Invocation.Row(table, c.Name, Percent(c.Cells.Average(cell => cell.Gain.TrimmedMean)),
                $"layer {best.Layer}, tau {best.Tau}", Percent(best.Gain.TrimmedMean),
                Percent(best.Gain.ProbabilityChange),
                Percent(c.Cells.Min(cell => cell.Gain.TrimmedMean)));
        }
        run.Draw(table);
        run.Line($"{injections.Pairs.Count} pairs, {found[0].Cells.Count} cells; before: mean p "
            + $"{before.Average(b => b.Probability):P2}");
        if (path is not null)
            run.Remark($"written: {path}");
    }

    static string Percent(double value) => SignedPercent.Of(value);

    static double MeanAfter(InjectedWord word)
        => word.After.Where(a => a is not null).Average(a => a!.Probability);

    static JsonObject Json(CategoryGain c) => new()
    {
        ["category"] = c.Name,
        ["words"] = c.Words.Count,
        ["trimmed_mean"] = JsonNumber.Of(c.TrimmedMean),
        ["median"] = JsonNumber.Of(c.Median),
        ["mean_probability_change"] = JsonNumber.Of(c.MeanProbabilityChange),
        ["mean_p_after"] = JsonNumber.Of(c.Words.Average(MeanAfter)),
        ["share_rank_1"] = JsonNumber.Of(c.First),
        ["each"] = new JsonArray([.. c.Words.Select(w => new JsonObject
        {
            ["word"] = w.Text,
            ["pairs"] = w.After.Count(a => a is not null),
            ["trimmed_mean"] = JsonNumber.Of(w.Gain.TrimmedMean),
            ["median"] = JsonNumber.Of(w.Gain.Median),
            ["mean_probability_change"] = JsonNumber.Of(w.Gain.ProbabilityChange),
        })]),
    };

    static JsonObject Json(DrawnCell cell) => new()
    {
        ["layer"] = cell.Layer,
        ["tau"] = cell.Tau,
        ["trimmed_mean"] = JsonNumber.Of(cell.Gain.TrimmedMean),
        ["median"] = JsonNumber.Of(cell.Gain.Median),
        ["mean_probability_change"] = JsonNumber.Of(cell.Gain.ProbabilityChange),
    };

    static JsonObject Row(string category, int layer, float tau, int pair, string word, AnswerStanding before,
        AnswerStanding? after) => new()
    {
        ["category"] = category,
        ["word"] = word,
        ["prompt"] = pair,
        ["layer"] = layer,
        ["tau"] = tau,
        ["p_before"] = before.Probability,
        ["rank_before"] = before.Rank,
        ["p_after"] = after?.Probability,
        ["rank_after"] = after?.Rank,
    };

    static void Write(string? path, Manifest manifest, IEnumerable<JsonObject> rows)
    {
        if (path is null)
            return;
        AtomicFile.Write(path, stream =>
        {
            foreach (JsonObject row in rows)
                stream.Write([.. System.Text.Encoding.UTF8.GetBytes(row.ToJsonString()), (byte)'\n']);
        });
        manifest.WriteBeside(path);
    }
}
