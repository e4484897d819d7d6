using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>A statistic and its bootstrap interval.</summary>
/// <param name="Value">Statistic over all pairs.</param>
/// <param name="Interval">95 % interval. The bootstrap draws bridges with replacement, each with all its
/// pairs, because pairs about one country are not independent.</param>
public readonly record struct Estimate(double Value, Interval Interval);

/// <summary>Effect of one kind of memories on pairs; with several draws, the mean over draws.</summary>
/// <param name="Name">Name of the kind.</param>
/// <param name="MeanAfter">Mean probability of the answer with the memories.</param>
/// <param name="TrimmedMean"><see cref="GainSummary.TrimmedMean"/> of the relative gain, percent.</param>
/// <param name="Median"><see cref="GainSummary.Median"/> of the relative gain, percent.</param>
/// <param name="ProbabilityChange"><see cref="GainSummary.ProbabilityChange"/>, percent.</param>
/// <param name="Repaired">Number of pairs whose answer became the most probable token.</param>
/// <param name="Broken">Number of pairs whose answer stopped being the most probable token.</param>
public sealed record MemoryOutcome(string Name, Estimate MeanAfter, Estimate TrimmedMean, Estimate Median,
    Estimate ProbabilityChange, double Repaired, double Broken)
{
    /// <summary>Computes the outcome from probabilities and ranks.</summary>
    /// <param name="name">Name of the kind.</param>
    /// <param name="before">[pairs]: answers with nothing injected.</param>
    /// <param name="draws">[draws][pairs]: answers with a memory of the kind.</param>
    /// <param name="groups">Indices of pairs that the bootstrap draws together.</param>
    /// <param name="random">Random generator of the bootstrap.</param>
    /// <param name="resamples">Number of bootstrap resamples.</param>
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
