using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Computes a statistic from the probabilities of prompts before and after an injection.</summary>
/// <param name="before">[prompts]: p_obs.</param>
/// <param name="after">[prompts]: p_edit.</param>
public delegate double PairedStatistic(ReadOnlySpan<double> before, ReadOnlySpan<double> after);

/// <summary>
/// <see cref="Bootstrap"/> over prompts, each with a probability before and after an injection.
/// </summary>
public static class PairedBootstrap
{
    /// <summary>Returns the bootstrap interval of a statistic.</summary>
    /// <param name="before">[prompts]: p_obs.</param>
    /// <param name="after">[prompts]: p_edit.</param>
    /// <param name="statistic">Statistic, such as <see cref="TrimmedMeanGain.Of"/>.</param>
    /// <param name="random">Random generator; it advances as in <see cref="Bootstrap.Of"/>.</param>
    /// <param name="resamples">Number of resamples.</param>
    /// <param name="level">Share of the resamples inside the interval; between 0 and 1.</param>
    /// <exception cref="UserException">A value is not a probability.</exception>
    public static Interval Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after,
        PairedStatistic statistic, SeededRandom random, int resamples = 2000, double level = 0.95)
    {
        ArgumentNullException.ThrowIfNull(statistic);
        PromptProbabilities.Require(before, after);
        double[] was = before.ToArray(), became = after.ToArray();
        double[] drawnBefore = new double[was.Length], drawnAfter = new double[was.Length];
        return Bootstrap.Of(was.Length, drawn =>
        {
            for (int i = 0; i < drawn.Length; i++)
                (drawnBefore[i], drawnAfter[i]) = (was[drawn[i]], became[drawn[i]]);
            return statistic(drawnBefore, drawnAfter);
        }, random, resamples, level);
    }

    /// <summary>
    /// Groups prompts that have the same key, such as their bridge. They are not independent, so the
    /// bootstrap draws them together.
    /// </summary>
    /// <param name="keys">[prompts]: key of each prompt.</param>
    /// <returns>[keys]: indices of the prompts with each key, in order of first occurrence.</returns>
    internal static int[][] Groups(IEnumerable<string> keys)
        => [.. keys.Index().GroupBy(k => k.Item, k => k.Index).Select(g => g.ToArray())];
}
