using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>A statistic and the interval of its bootstrap.</summary>
/// <param name="Value">Of all pairs.</param>
/// <param name="Interval">95 %, over bridges drawn with replacement, each with all its pairs: pairs about one
/// country are not independent.</param>
public readonly record struct Estimate(double Value, Interval Interval);

/// <summary>What memories of one kind did to the same pairs; of several draws, the mean over draws.</summary>
/// <param name="Name">The kind.</param>
/// <param name="MeanAfter">Mean p of the answer.</param>
/// <param name="TrimmedMean">Relative change, percent: see <see cref="GainSummary.TrimmedMean"/>.</param>
/// <param name="Median">Relative change, percent: see <see cref="GainSummary.Median"/>.</param>
/// <param name="ProbabilityChange">Percent: see <see cref="GainSummary.ProbabilityChange"/>.</param>
/// <param name="Repaired">Pairs whose answer became the most probable token.</param>
/// <param name="Broken">Pairs whose answer was it and is no longer.</param>
public sealed record MemoryOutcome(string Name, Estimate MeanAfter, Estimate TrimmedMean, Estimate Median,
    Estimate ProbabilityChange, double Repaired, double Broken)
{
    /// <summary>From standings.</summary>
    /// <param name="name">The kind.</param>
    /// <param name="before">[pairs] nothing injected.</param>
    /// <param name="draws">[draws][pairs] with a memory of the kind.</param>
    /// <param name="groups">Pairs that are drawn together.</param>
    /// <param name="random">Draws the bootstrap's groups.</param>
    /// <param name="resamples">How many.</param>
    internal static MemoryOutcome Of(string name, IReadOnlyList<AnswerStanding> before,
        IReadOnlyList<IReadOnlyList<AnswerStanding>> draws, int[][] groups, SeededRandom random,
        int resamples)
    {
        double[] was = [.. before.Select(b => b.Probability)];
        double[][] became = [.. draws.Select(d => (double[])[.. d.Select(a => a.Probability)])];
        Estimate Of(PairedStatistic statistic)
        {
            double Mean(int[] pairs) => became.Average(after => statistic(
                [.. pairs.Select(i => was[i])], [.. pairs.Select(i => after[i])]));
            int[] all = [.. Enumerable.Range(0, was.Length)];
            return new(Mean(all), Bootstrap.Of(groups.Length,
                drawn => Mean([.. drawn.SelectMany(g => groups[g])]), random, resamples));
        }
        double Count(Func<AnswerStanding, AnswerStanding, bool> counts)
            => draws.Average(d => d.Zip(before).Count(x => counts(x.Second, x.First)));
        return new(name, Of((_, after) => RelativeGain.Mean(after)), Of(TrimmedMeanGain.Of),
            Of(MedianGain.Of), Of(MeanProbabilityChange.Of), Count((b, a) => b.Rank > 1 && a.Rank == 1),
            Count((b, a) => b.Rank == 1 && a.Rank > 1));
    }
}
