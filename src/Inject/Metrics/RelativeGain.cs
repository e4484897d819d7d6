using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// The gain of one prompt, in percent of what it had: r_i = 100 (p_edit - p_obs) / p_obs (arXiv 2309.05605).
/// </summary>
/// <remarks>
/// It is dominated by prompts with tiny p_obs: <see cref="MeanProbabilityChange"/> and
/// <see cref="MeanSurprisalChange"/> are not. A prompt with p_obs = 0 has no gain (NaN), and means and
/// medians pass it over.
/// </remarks>
public static class RelativeGain
{
    /// <summary>r_i of each prompt, percent; NaN where p_obs is zero.</summary>
    /// <param name="before">p_obs, of the multi-hop prompt without an injection.</param>
    /// <param name="after">p_edit, with it.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="UserException">A value is no probability.</exception>
    public static double[] Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after)
    {
        PromptProbabilities.Require(before, after);
        var gains = new double[before.Length];
        for (int i = 0; i < gains.Length; i++)
            gains[i] = before[i] > 0 ? 100 * (after[i] - before[i]) / before[i] : double.NaN;
        return gains;
    }

    /// <summary>The mean of r_i over the prompts that have one; NaN if none has.</summary>
    public static double Mean(ReadOnlySpan<double> before, ReadOnlySpan<double> after) =>
        Mean(Defined(Of(before, after)));

    /// <summary>Gains that are numbers, in order.</summary>
    internal static double[] Defined(double[] gains) => Array.FindAll(gains, r => !double.IsNaN(r));

    /// <summary>Of no values NaN.</summary>
    internal static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
            sum += value;
        return sum / values.Length;
    }
}
