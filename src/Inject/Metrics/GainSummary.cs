using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Statistics of injections at one layer and magnitude over a set of prompts.</summary>
/// <remarks>
/// p_obs and p_edit are the answer's probability after the multi-hop prompt, without and with the injection.
/// A measure that is not defined is NaN: all measures without prompts, gains if every p_obs is zero, shares
/// if no prompt could change in that way.
/// </remarks>
public sealed record GainSummary
{
    /// <summary>Number of prompts.</summary>
    public required int Prompts { get; init; }

    /// <summary>
    /// Number of prompts with p_obs = 0; they have no relative gain and are left out of means and medians of
    /// gains.
    /// </summary>
    public required int WithoutGain { get; init; }

    /// <summary>
    /// Number of prompts that the trimmed mean drops because they are too far from the mean.
    /// </summary>
    public required int Dropped { get; init; }

    /// <summary><see cref="TrimmedMeanGain"/>, percent; the paper reports this number.</summary>
    public required double TrimmedMean { get; init; }

    /// <summary>Mean of <see cref="RelativeGain"/> over prompts, percent.</summary>
    public required double Mean { get; init; }

    /// <summary><see cref="MedianGain"/>, percent.</summary>
    public required double Median { get; init; }

    /// <summary>Mean of p_obs over prompts.</summary>
    public required double MeanBefore { get; init; }

    /// <summary>Mean of p_edit over prompts.</summary>
    public required double MeanAfter { get; init; }

    /// <summary><see cref="MeanProbabilityChange"/>, percent.</summary>
    public required double ProbabilityChange { get; init; }

    /// <summary><see cref="MeanSurprisalChange"/>, nats; negative is better.</summary>
    public required double SurprisalChange { get; init; }

    /// <summary><see cref="RankChange.Repaired"/>, 0 to 1; NaN without ranks.</summary>
    public double Repaired { get; init; } = double.NaN;

    /// <summary><see cref="RankChange.Broken"/>, 0 to 1; NaN without ranks.</summary>
    public double Broken { get; init; } = double.NaN;

    /// <summary>Computes the statistics without ranks.</summary>
    /// <param name="before">[prompts]: p_obs.</param>
    /// <param name="after">[prompts]: p_edit.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="UserException">A value is not a probability.</exception>
    public static GainSummary Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after)
    {
        double[] gains = RelativeGain.Of(before, after);
        int defined = RelativeGain.Defined(gains).Length;
        double[] kept = TrimmedMeanGain.Kept(gains);
        return new GainSummary
        {
            Prompts = gains.Length,
            WithoutGain = gains.Length - defined,
            Dropped = defined - kept.Length,
            TrimmedMean = RelativeGain.Mean(kept),
            Mean = RelativeGain.Mean(before, after),
            Median = MedianGain.Of(before, after),
            MeanBefore = RelativeGain.Mean(before),
            MeanAfter = RelativeGain.Mean(after),
            ProbabilityChange = MeanProbabilityChange.Of(before, after),
            SurprisalChange = MeanSurprisalChange.Of(before, after),
        };
    }

    /// <summary>Computes the statistics with the ranks of the answers.</summary>
    /// <param name="before">[prompts]: p_obs.</param>
    /// <param name="after">[prompts]: p_edit.</param>
    /// <param name="ranksBefore">[prompts]: ranks from 1 without the injection.</param>
    /// <param name="ranksAfter">[prompts]: ranks from 1 with the injection.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="UserException">A value is not a probability.</exception>
    public static GainSummary Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after,
        ReadOnlySpan<int> ranksBefore, ReadOnlySpan<int> ranksAfter)
    {
        if (ranksBefore.Length != before.Length)
            throw new ArgumentException($"{before.Length} prompts and {ranksBefore.Length} ranks.");
        return Of(before, after) with
        {
            Repaired = RankChange.Repaired(ranksBefore, ranksAfter),
            Broken = RankChange.Broken(ranksBefore, ranksAfter),
        };
    }
}
