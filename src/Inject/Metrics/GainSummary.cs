using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>What injections at one layer and magnitude do to all prompts of a set.</summary>
/// <remarks>
/// A measure without a number is NaN: of no prompts all are, gains where every p_obs is zero, shares where no
/// prompt could change so.
/// </remarks>
public sealed record GainSummary
{
    /// <summary>Prompts.</summary>
    public required int Prompts { get; init; }

    /// <summary>Prompts with p_obs = 0: they have no relative gain and are passed over where one is
    /// needed.</summary>
    public required int WithoutGain { get; init; }

    /// <summary>Prompts that the trimmed mean dropped as too far from the mean.</summary>
    public required int Dropped { get; init; }

    /// <summary><see cref="TrimmedMeanGain"/>, percent: the paper's number.</summary>
    public required double TrimmedMean { get; init; }

    /// <summary>The mean of all <see cref="RelativeGain"/>, percent.</summary>
    public required double Mean { get; init; }

    /// <summary><see cref="MedianGain"/>, percent.</summary>
    public required double Median { get; init; }

    /// <summary>Mean p_obs.</summary>
    public required double MeanBefore { get; init; }

    /// <summary>Mean p_edit.</summary>
    public required double MeanAfter { get; init; }

    /// <summary><see cref="MeanProbabilityChange"/>, percent.</summary>
    public required double ProbabilityChange { get; init; }

    /// <summary><see cref="MeanSurprisalChange"/>, nats; below zero is better.</summary>
    public required double SurprisalChange { get; init; }

    /// <summary><see cref="RankChange.Repaired"/>; NaN without ranks.</summary>
    public double Repaired { get; init; } = double.NaN;

    /// <summary><see cref="RankChange.Broken"/>; NaN without ranks.</summary>
    public double Broken { get; init; } = double.NaN;

    /// <summary>Summarises prompts whose ranks are not known.</summary>
    /// <param name="before">p_obs of each prompt.</param>
    /// <param name="after">p_edit of the same prompts.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="UserException">A value is no probability.</exception>
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

    /// <summary>Summarises prompts with the ranks of their answers.</summary>
    /// <param name="before">p_obs of each prompt.</param>
    /// <param name="after">p_edit of the same prompts.</param>
    /// <param name="ranksBefore">From 1, without the injection.</param>
    /// <param name="ranksAfter">From 1, with it.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="UserException">A value is no probability.</exception>
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
