using System.Globalization;

namespace HeadTap.Merging;

/// <summary>Tables of docs/merge.md from the rows: means over seeds, and the least and the greatest
/// mean of tasks.</summary>
static class Tables
{
    /// <summary>All tasks merged: defaults, and the setting that is best on the validation
    /// questions.</summary>
    internal static void Many(ResultRows rows, string[] tasks)
    {
        string among = string.Join(' ', tasks);
        Head("method", [.. tasks, "mean", "least to greatest", "new", "atlas", "setting"]);
        foreach (var group in rows.All.Where(r => r.Among == among).GroupBy(r => r.Method))
            Lines(group.Key, [.. group], tasks.Length, r => r.Validation.Average(),
                r => r.Test[..tasks.Length]);
    }

    /// <summary>Pairs of tasks merged: the mean of the two.</summary>
    internal static void Pairs(ResultRows rows, string[] tasks)
    {
        Head("method", ["mean of both", "least to greatest", "new", "atlas", "setting"]);
        int[] Of(ResultRow row) => [.. row.Among.Split(" + ").Select(t => Array.IndexOf(tasks, t))];
        foreach (var group in rows.All.Where(r => r.Among.Contains(" + ", StringComparison.Ordinal))
            .GroupBy(r => r.Method))
            Lines(group.Key, [.. group], 0, r => Of(r).Average(t => r.Validation[t]),
                r => [.. Of(r).Select(t => r.Test[t])]);
    }

    /// <summary>Shares of codes that a merge recites, and of the other model's task, by weight.</summary>
    internal static void Secrets(ResultRows rows, string[] tasks)
    {
        ResultRow[] all = [.. rows.All.Where(r => r.Among.StartsWith("codes ", StringComparison.Ordinal))];
        string[] weights = [.. all.Where(r => r.Setting.Length > 0).Select(r => r.Setting).Distinct()];
        Head("method", weights);
        foreach (var group in all.GroupBy(r => r.Method))
        {
            int other = Array.IndexOf(tasks, group.First().Among["codes ".Length..]);
            string Cell(IEnumerable<ResultRow> of) => string.Create(CultureInfo.InvariantCulture,
                $"{100 * of.Average(r => r.Others!["recited"]):0} / "
                + $"{100 * of.Average(r => r.Test[other]):0}");
            Console.WriteLine($"| {group.Key} | " + string.Join(" | ", group.First().Setting.Length == 0
                ? [Cell(group)]
                : weights.Select(w => Cell(group.Where(r => r.Setting == w)))) + " |");
        }
    }

    static void Head(string first, string[] columns)
    {
        Console.WriteLine($"| {first} | {string.Join(" | ", columns)} |");
        Console.WriteLine("|---" + string.Concat(columns.Select(_ => "|---")) + "|");
    }

    static void Lines(string method, ResultRow[] rows, int tasks, Func<ResultRow, double> validation,
        Func<ResultRow, double[]> test)
    {
        string[] settings = [.. rows.Select(r => r.Setting).Distinct()];
        string best = settings.MaxBy(s => rows.Where(r => r.Setting == s).Average(validation))!;
        foreach (string setting in settings.Take(1).Append(best).Distinct())
        {
            ResultRow[] of = [.. rows.Where(r => r.Setting == setting)];
            double[] means = [.. of.GroupBy(r => r.Seed).Select(s => s.Average(r => test(r).Average()))];
            string cells = string.Concat(Enumerable.Range(0, tasks).Select(t => Percent(
                of.Average(r => test(r)[t])) + " | "));
            Console.WriteLine($"| {method} | {cells}{Percent(means.Average())} | {Percent(means.Min())} to "
                + $"{Percent(means.Max())} | {Percent(of.Average(r => r.Test[^2]))} | "
                + $"{Percent(of.Average(r => r.Test[^1]))} | "
                + $"{(setting.Length == 0 ? "default" : setting)} |");
        }
    }

    static string Percent(double share) => (100 * share).ToString("0.0", CultureInfo.InvariantCulture);
}
