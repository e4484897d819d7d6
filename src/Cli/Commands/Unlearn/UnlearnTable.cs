using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Unlearn;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>Prints the best setting of each method, as JSON or as a table.</summary>
static class UnlearnTable
{
    internal static void Print(Invocation run, UnlearnSweepResult result, bool padded = false)
    {
        if (run.Json)
        {
            run.WriteJson(result, UnlearnJobsJson.Default.UnlearnSweepResult);
            return;
        }
        foreach ((SweepSelection selection, SweptCheckpoint checkpoint) in
            result.Found.Zip(result.Checkpoints))
        {
            string memorised = Percent(selection.Widest, r => r.Before?.Memorised),
                accuracy = Percent(selection.Widest, r => r.Before?.MeanAccuracy(padded));
            run.Line(checkpoint.Model + (memorised == "" ? "" : $": memorised {memorised} %")
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
            foreach (FailedSetting failed in checkpoint.Methods.OfType<FailedSetting>())
                run.Line($"{failed.Method} cannot run: {failed.Error}");
        }
    }

    /// <summary>Returns mean and spread of a share in percent; empty if not measured.</summary>
    internal static string Percent(SweepSetting setting, Func<SweepRow, double?> share)
        => setting.Runs.Any(r => share(r) is null) ? ""
            : Number(setting.Over(r => share(r)!.Value * 100), "0.00");

    /// <summary>Returns the mean, and the spread if there are several runs.</summary>
    internal static string Number((double Mean, double? Spread) value, string format)
        => value.Mean.ToString(format, CultureInfo.InvariantCulture) + (value.Spread is { } spread
            ? " ± " + spread.ToString(format, CultureInfo.InvariantCulture) : "");

    internal static string Budget(double budget) => budget.ToString("0.######", CultureInfo.InvariantCulture);

    internal static string Options(SweepSetting setting) => string.Join(", ", JsonNode.Parse(setting.Options)!
        .AsObject().Select(o => $"{o.Key.Replace('_', ' ')} {o.Value}"));
}
