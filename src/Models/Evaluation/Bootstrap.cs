namespace HeadTap.Models;

/// <summary>A range that a statistic lies in, as far as these prompts tell.</summary>
/// <param name="Low">The lower end; NaN where there is no interval.</param>
/// <param name="High">The upper end.</param>
public readonly record struct Interval(double Low, double High);

/// <summary>
/// Percentile bootstrap (Efron, 1979): prompts are drawn with replacement, as many as there are, and the
/// interval holds the middle share of what the statistic then is. A prompt is drawn with everything that
/// belongs to it, so what is compared stays paired.
/// </summary>
/// <remarks>
/// Fewer than two prompts have no interval (NaN), and a draw whose statistic is NaN is left out. Ends between
/// two values are interpolated linearly. A generator in the same state gives the same interval on every
/// machine.
/// </remarks>
public static class Bootstrap
{
    /// <summary>The interval of any statistic.</summary>
    /// <param name="prompts">How many prompts there are.</param>
    /// <param name="statistic">Of the prompts with these indices; some come twice, some never.</param>
    /// <param name="random">Draws; moves on by one number for each prompt and resample.</param>
    /// <param name="resamples">How often to draw.</param>
    /// <param name="level">The middle share, between 0 and 1.</param>
    public static Interval Of(int prompts, Func<int[], double> statistic, SeededRandom random,
        int resamples = 2000, double level = 0.95)
    {
        ArgumentNullException.ThrowIfNull(statistic);
        ArgumentNullException.ThrowIfNull(random);
        ArgumentOutOfRangeException.ThrowIfNegative(prompts);
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 1);
        if (!(level is > 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(level), level, "Between 0 and 1.");
        if (prompts < 2)
            return new(double.NaN, double.NaN);
        var found = new List<double>(resamples);
        int[] drawn = new int[prompts];
        for (int r = 0; r < resamples; r++)
        {
            for (int i = 0; i < drawn.Length; i++)
                drawn[i] = random.Next(prompts);
            double value = statistic(drawn);
            if (!double.IsNaN(value))
                found.Add(value);
        }
        found.Sort();
        return new(Quantile(found, (1 - level) / 2), Quantile(found, (1 + level) / 2));
    }

    static double Quantile(List<double> sorted, double q)
    {
        if (sorted.Count == 0)
            return double.NaN;
        double place = q * (sorted.Count - 1);
        int below = (int)place, above = Math.Min(below + 1, sorted.Count - 1);
        return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
    }
}
