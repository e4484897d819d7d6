using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// Relative gain of one prompt in percent: r_i = 100 (p_edit - p_obs) / p_obs (arXiv 2309.05605).
/// </summary>
/// <remarks>
/// Prompts with tiny p_obs dominate it; they do not dominate <see cref="MeanProbabilityChange"/> and
/// <see cref="MeanSurprisalChange"/>. A prompt with p_obs = 0 has no gain (NaN) and is left out of means and
/// medians.
/// </remarks>
public static class RelativeGain
{
    /// <summary>Returns r_i of each prompt, percent; NaN if p_obs is zero.</summary>
    /// <param name="before">[prompts]: p_obs, the probability after the multi-hop prompt without an
    /// injection.</param>
    /// <param name="after">[prompts]: p_edit, the probability with the injection.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="UserException">A value is not a probability.</exception>
    public static double[] Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after)
    {
        PromptProbabilities.Require(before, after);
        var gains = new double[before.Length];
        for (int i = 0; i < gains.Length; i++)
            gains[i] = before[i] > 0 ? 100 * (after[i] - before[i]) / before[i] : double.NaN;
        return gains;
    }

    /// <summary>
    /// Returns the mean of r_i over the prompts that have a gain, percent; NaN if none has.
    /// </summary>
    public static double Mean(ReadOnlySpan<double> before, ReadOnlySpan<double> after) =>
        Mean(Defined(Of(before, after)));

    /// <summary>Returns the gains that are not NaN, in order.</summary>
    internal static double[] Defined(double[] gains) => Array.FindAll(gains, r => !double.IsNaN(r));

    /// <summary>Returns the mean of values; NaN if there are none.</summary>
    internal static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
            sum += value;
        return sum / values.Length;
    }
}
