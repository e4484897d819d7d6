using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Unlearn;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>The best setting of each method, as JSON and on the terminal.</summary>
static class UnlearnTable
{
    internal static void Print(
        Invocation run, IReadOnlyList<SweepSelection> found, string[] models, bool padded = false)
    {
        if (run.Json)
        {
            run.WriteJson(Json(found, models));
            return;
        }
        foreach (SweepSelection selection in found)
        {
            string memorised = Percent(selection.Widest, r => r.Before?.Memorised),
                accuracy = Percent(selection.Widest, r => r.Before?.MeanAccuracy(padded));
            run.Line(models[selection.Checkpoint] + (memorised == "" ? "" : $": memorised {memorised} %")
                + (accuracy == "" ? "" : $", accuracy {accuracy} %"));
            Table table = Invocation.Table("method", "memorised", "loose", "accuracy", "seconds", "budget",
                "options");
            foreach (SweepSetting best in selection.Best)
                if (best.Ran)
                    Invocation.Row(table, best.Method, Percent(best, r => r.After!.Memorised),
                        Percent(best, r => r.After!.Loose),
                        Percent(best, r => r.After!.MeanAccuracy(padded)),
                        Number(best.Over(r => r.Seconds()), "0.00"), Budget(best.Budget), Options(best));
            run.Draw(table);
            foreach (SweepSetting failed in selection.Best.Where(b => !b.Ran))
                run.Line($"{failed.Method} cannot run: {Error(failed)}");
        }
    }

    internal static JsonObject Json(IReadOnlyList<SweepSelection> found, string[] models) => new()
    {
        ["checkpoints"] = new JsonArray([.. found.Select(s => new JsonObject
        {
            ["model"] = models[s.Checkpoint],
            ["settings"] = s.Settings.Count,
            ["memorised"] = Mean(s.Widest, r => r.Before?.Memorised),
            ["accuracy"] = Mean(s.Widest, r => r.Before?.MeanAccuracy(padded: false)),
            ["methods"] = new JsonArray([.. s.Best.Select(Json)]),
        })]),
    };

    static JsonNode? Mean(SweepSetting setting, Func<SweepRow, double?> value)
        => setting.Runs.Any(r => value(r) is null) ? null
            : JsonNumber.Of(setting.Over(r => value(r)!.Value).Mean);

    static JsonObject Json(SweepSetting best)
    {
        var json = new JsonObject
        {
            ["method"] = best.Method, ["budget"] = best.Budget, ["options"] = JsonNode.Parse(best.Options),
            ["runs"] = best.Runs.Count, ["score"] = JsonNumber.Of(best.Score),
        };
        if (!best.Ran)
        {
            json["error"] = Error(best);
            return json;
        }
        foreach ((string name, Func<SweepRow, double> value) in Values)
        {
            (double mean, double? spread) = best.Over(value);
            json[name] = JsonNumber.Of(mean);
            json[name + "_spread"] = spread is { } s ? JsonNumber.Of(s) : null;
        }
        return json;
    }

    static IEnumerable<(string, Func<SweepRow, double>)> Values =>
    [
        ("memorised", r => r.After!.Memorised),
        ("loose", r => r.After!.Loose),
        ("similarity", r => r.After!.Similarity),
        ("accuracy", r => r.After!.MeanAccuracy(padded: false) ?? double.NaN),
        ("padded_accuracy", r => r.After!.MeanAccuracy(padded: true) ?? double.NaN),
        ("keep_loss", r => r.After!.KeepLoss ?? double.NaN),
        ("perplexity", r => r.After!.Perplexity ?? double.NaN),
        ("batch_perplexity", r => r.After!.BatchPerplexity ?? double.NaN),
        ("seconds", r => r.Seconds()),
    ];

    /// <summary>Why a method has no measures.</summary>
    internal static string Error(SweepSetting setting)
        => setting.Runs.FirstOrDefault(r => r.Error is not null)?.Error ?? "";

    /// <summary>Mean and spread of a share; empty where it was not measured.</summary>
    internal static string Percent(SweepSetting setting, Func<SweepRow, double?> share)
        => setting.Runs.Any(r => share(r) is null) ? ""
            : Number(setting.Over(r => share(r)!.Value * 100), "0.00");

    /// <summary>Mean, and spread where there are several runs.</summary>
    internal static string Number((double Mean, double? Spread) value, string format)
        => value.Mean.ToString(format, CultureInfo.InvariantCulture) + (value.Spread is { } spread
            ? " ± " + spread.ToString(format, CultureInfo.InvariantCulture) : "");

    internal static string Budget(double budget) => budget.ToString("0.######", CultureInfo.InvariantCulture);

    internal static string Options(SweepSetting setting) => string.Join(", ", JsonNode.Parse(setting.Options)!
        .AsObject().Select(o => $"{o.Key.Replace('_', ' ')} {o.Value}"));
}
