using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A statistic of prompts, each with what it had before and has after.</summary>
/// <param name="before">p_obs of each prompt.</param>
/// <param name="after">p_edit of the same prompts.</param>
public delegate double PairedStatistic(ReadOnlySpan<double> before, ReadOnlySpan<double> after);

/// <summary><see cref="Bootstrap"/> of prompts that each have a probability before and after.</summary>
public static class PairedBootstrap
{
    /// <summary>The interval of a statistic of probabilities before and after.</summary>
    /// <param name="before">p_obs of each prompt.</param>
    /// <param name="after">p_edit of the same prompts.</param>
    /// <param name="statistic">Such as <see cref="TrimmedMeanGain.Of"/>.</param>
    /// <param name="random">Draws; moves on as in <see cref="Bootstrap.Of"/>.</param>
    /// <param name="resamples">How often to draw.</param>
    /// <param name="level">The middle share, between 0 and 1.</param>
    /// <exception cref="UserException">A value is no probability.</exception>
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

    /// <summary>Prompts with one key, such as their bridge: what is drawn together, because it stands or
    /// falls together.</summary>
    /// <param name="keys">[prompts]</param>
    /// <returns>Indices of the prompts of each key, keys as they first occur.</returns>
    internal static int[][] Groups(IEnumerable<string> keys)
        => [.. keys.Index().GroupBy(k => k.Item, k => k.Index).Select(g => g.ToArray())];
}
