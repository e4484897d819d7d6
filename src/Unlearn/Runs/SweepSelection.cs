namespace HeadTap.Unlearn;

/// <summary>The rule that selects the best setting of a method.</summary>
public enum SelectionRule
{
    /// <summary>
    /// The least value of: relative change of memorisation minus mean relative change of the tests'
    /// accuracies. Published for TinyMem.
    /// </summary>
    Accuracy,

    /// <summary>
    /// The least value of: relative change of memorisation plus relative change of the keep set's perplexity.
    /// Published for Pythia.
    /// </summary>
    Perplexity,
}

/// <summary>A setting of a method and its runs.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Options">Option values as JSON.</param>
/// <param name="Budget">Budget, 0 to 1.</param>
/// <param name="Runs">Runs of the setting, one per seed and sweep.</param>
/// <param name="Score">Mean of the rule over the runs, lower is better; infinite if a run failed or is
/// NaN.</param>
public sealed record SweepSetting(
    string Method, string Options, double Budget, IReadOnlyList<SweepRow> Runs, double Score)
{
    /// <summary>
    /// Returns the mean of a value over the runs, and the standard deviation if there are several runs.
    /// </summary>
    public (double Mean, double? Spread) Over(Func<SweepRow, double> value)
    {
        double[] values = [.. Runs.Select(value)];
        double mean = values.Average();
        return (mean, values.Length < 2 ? null
            : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1)));
    }

    /// <summary>Whether every run has measures after the edit.</summary>
    public bool Ran => Runs.All(r => r.After is not null);
}

/// <summary>A checkpoint's settings, and the best of each method.</summary>
/// <param name="Checkpoint">Index of the model.</param>
/// <param name="Settings">All settings, in the order of cells.</param>
/// <param name="Best">The best setting of each method, in the order of methods.</param>
public sealed record SweepSelection(
    int Checkpoint, IReadOnlyList<SweepSetting> Settings, IReadOnlyList<SweepSetting> Best)
{
    /// <summary>
    /// The setting with the most runs; its runs have the measures of every model before the edit.
    /// </summary>
    public SweepSetting Widest => Settings.MaxBy(s => s.Runs.Count(r => r.Before is not null))!;

    /// <summary>Selects the best setting of each method per checkpoint.</summary>
    /// <remarks>
    /// The published rule (arXiv 2410.02159) takes the least <c>dm / m - mean over tests of da / a</c>, where
    /// d is after minus before. The paper leaves some cases open; they are chosen here. A relative change
    /// from 0 to 0 is 0; memorisation that rises from 0 is an infinite change; an accuracy that was 0 does
    /// not count. A setting with a failed run or NaN is chosen only if no other is left. Of equal settings
    /// the one with the smaller budget wins, then the earlier cell. Runs of a setting are averaged first, so
    /// that all seeds have the same setting.
    /// </remarks>
    /// <param name="rows">Rows of one sweep, or of several sweeps that differ in their data's seed.</param>
    /// <param name="rule">Rule to select by.</param>
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

    /// <summary>Returns the rule's value of one run: lower is better, 0 for no change.</summary>
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
