namespace HeadTap.Unlearn;

/// <summary>What the best setting of a method is.</summary>
public enum SelectionRule
{
    /// <summary>
    /// Least relative change of memorisation minus mean relative change of the tests' accuracies: TinyMem.
    /// </summary>
    Accuracy,

    /// <summary>Least sum of the relative changes of memorisation and of the keep set's perplexity:
    /// Pythia.</summary>
    Perplexity,
}

/// <summary>A setting of a method and its runs.</summary>
/// <param name="Method">The method's name.</param>
/// <param name="Options">Its options as JSON.</param>
/// <param name="Budget">Its budget.</param>
/// <param name="Runs">One for each seed, and for each sweep of several.</param>
/// <param name="Score">Mean of the rule over the runs; infinite where one failed or is no number.</param>
public sealed record SweepSetting(
    string Method, string Options, double Budget, IReadOnlyList<SweepRow> Runs, double Score)
{
    /// <summary>Mean over runs, and standard deviation where there are several.</summary>
    public (double Mean, double? Spread) Over(Func<SweepRow, double> value)
    {
        double[] values = [.. Runs.Select(value)];
        double mean = values.Average();
        return (mean, values.Length < 2 ? null
            : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1)));
    }

    /// <summary>Whether every run has measures.</summary>
    public bool Ran => Runs.All(r => r.After is not null);
}

/// <summary>A checkpoint's settings, and the best of each method.</summary>
/// <param name="Checkpoint">Which model.</param>
/// <param name="Settings">All, in the order of cells.</param>
/// <param name="Best">The best of each method, in the order of methods.</param>
public sealed record SweepSelection(
    int Checkpoint, IReadOnlyList<SweepSetting> Settings, IReadOnlyList<SweepSetting> Best)
{
    /// <summary>A setting with runs on all the models: they know each as it was before.</summary>
    public SweepSetting Widest => Settings.MaxBy(s => s.Runs.Count(r => r.Before is not null))!;

    /// <summary>Selects, for each checkpoint, one setting of each method for all its runs.</summary>
    /// <remarks>
    /// The published rule (arXiv 2410.02159): the least of
    /// <c>dm / m - mean over tests of da / a</c>, d being after minus before. Not published, and chosen here:
    /// a relative change from 0 to 0 is 0, of memorisation from 0 to more infinite, and an accuracy that was
    /// 0 does not count; a setting with a run that failed or has NaN is never chosen before one without; of
    /// equals the smaller budget, then the earlier cell; runs of a setting are averaged first, so that all
    /// seeds have the same setting.
    /// </remarks>
    /// <param name="rows">Of one sweep, or of several that differ in their data's seed.</param>
    /// <param name="rule">Which rule.</param>
    /// <param name="padded">Whether accuracies count padding, as the reference's do.</param>
    public static IReadOnlyList<SweepSelection> Of(
        IReadOnlyList<SweepRow> rows, SelectionRule rule, bool padded = false)
        => [.. rows.GroupBy(r => r.Checkpoint).OrderBy(g => g.Key).Select(checkpoint =>
        {
            List<SweepSetting> settings = [.. checkpoint
                .GroupBy(r => (r.Method, Options: r.Options.ToJsonString(), r.Budget))
                .Select(g => new SweepSetting(g.Key.Method, g.Key.Options, g.Key.Budget, [.. g],
                    g.Average(r => Score(r, rule, padded))))];
            return new SweepSelection(checkpoint.Key, settings, [.. settings.GroupBy(s => s.Method)
                .Select(g => g.OrderBy(s => s.Score).ThenBy(s => s.Budget).First())]);
        })];

    /// <summary>The rule's value of one run: lower is better, 0 for no change.</summary>
    public static double Score(SweepRow row, SelectionRule rule, bool padded = false)
    {
        ArgumentNullException.ThrowIfNull(row);
        if (row is not { Before: { } before, After: { } after })
            return double.PositiveInfinity;
        double memorised = before.Memorised == 0 ? after.Memorised == 0 ? 0 : double.PositiveInfinity
            : (after.Memorised - before.Memorised) / before.Memorised;
        double score = memorised + (rule == SelectionRule.Perplexity
            ? Relative(before.Perplexity, after.Perplexity) : -Accuracy(before, after, padded));
        return double.IsFinite(score) ? score : double.PositiveInfinity;
    }

    static double Accuracy(SweepMeasures before, SweepMeasures after, bool padded)
        => before.Tests.Count == 0 ? Relative(before.KeepAccuracy, after.KeepAccuracy)
            : before.Tests.Zip(after.Tests).Average(t => padded
                ? Relative(t.First.PaddedAccuracy, t.Second.PaddedAccuracy)
                : Relative(t.First.Accuracy, t.Second.Accuracy));

    static double Relative(double? before, double? after)
        => before is not { } b || b == 0 || after is not { } a ? 0 : (a - b) / b;
}
