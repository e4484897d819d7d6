namespace HeadTap.Inject;

/// <summary>Median of r_i over prompts, which a few extreme prompts do not change.</summary>
public static class MedianGain
{
    /// <summary>
    /// Returns the median in percent, the mean of the middle two for an even number; NaN if no prompt has a
    /// gain.
    /// </summary>
    /// <inheritdoc cref="RelativeGain.Of"/>
    public static double Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after)
    {
        double[] gains = RelativeGain.Defined(RelativeGain.Of(before, after));
        Array.Sort(gains);
        int n = gains.Length;
        return n == 0 ? double.NaN : (gains[(n - 1) / 2] + gains[n / 2]) / 2;
    }
}
