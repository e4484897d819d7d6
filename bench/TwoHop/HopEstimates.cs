using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.TwoHop;

/// <summary>A number with the ends of its 95 % interval.</summary>
sealed record HopEstimate(double Value, double Low, double High)
{
    public override string ToString()
        => FormattableString.Invariant($"{Value:0.0} ({Low:0.0} to {High:0.0})");
}

/// <summary>What a way to change the run does to the answers.</summary>
/// <param name="MeanProbability">Mean probability of the answer, percent.</param>
/// <param name="Repaired">Wrong answers that become the most probable token, percent of the wrong
/// ones.</param>
/// <param name="Lost">Right answers that stop being it, percent of the right ones.</param>
/// <param name="OverOther">Mean probability less that with another country's, points; null where it is
/// that.</param>
sealed record HopOutcome(
    HopEstimate MeanProbability, HopEstimate Repaired, HopEstimate Lost, HopEstimate? OverOther = null);

/// <summary>
/// Percentile bootstrap that draws countries, each with all its pairs: pairs about one country are not
/// independent.
/// </summary>
sealed class HopEstimates(HopPart part, ulong seed)
{
    const int Resamples = 2000;

    readonly int[][] _countries = [.. part.Pairs.Index().GroupBy(p => p.Item.Pair.Bridge, p => p.Index)
        .Select(g => g.ToArray())];

    /// <summary>The statistic of all pairs, and its interval.</summary>
    internal HopEstimate Of(Func<int[], double> statistic)
    {
        Interval interval = Bootstrap.Of(_countries.Length,
            drawn => statistic([.. drawn.SelectMany(c => _countries[c])]), new SeededRandom(seed, 1),
            Resamples);
        return new(statistic([.. Enumerable.Range(0, part.Count)]), interval.Low, interval.High);
    }

    /// <summary>The mean of a number over those pairs that have it.</summary>
    internal HopEstimate Mean(Func<int, double> value, Func<int, bool> has) => Of(pairs =>
    {
        (double sum, int count) = (0, 0);
        foreach (int pair in pairs)
            if (has(pair))
                (sum, count) = (sum + value(pair), count + 1);
        return count == 0 ? double.NaN : sum / count;
    });

    /// <summary>What draws of a way do; with several draws the mean over them.</summary>
    /// <param name="draws">[draws][pairs]: the answers.</param>
    /// <param name="other">The same with another country's; null for none.</param>
    internal HopOutcome Outcome(AnswerStanding[][] draws, AnswerStanding[][]? other = null)
    {
        double Mean(AnswerStanding[][] of, int pair) => of.Average(d => d[pair].Probability);
        return new(this.Mean(i => 100 * Mean(draws, i), _ => true),
            this.Mean(i => 100 * draws.Average(d => d[i].Rank == 1 ? 1 : 0.0), i => part.Before[i].Rank > 1),
            this.Mean(i => 100 * draws.Average(d => d[i].Rank > 1 ? 1 : 0.0), i => part.Before[i].Rank == 1),
            other is null ? null : this.Mean(i => 100 * (Mean(draws, i) - Mean(other, i)), _ => true));
    }
}
