namespace HeadTap.Inject;

/// <summary>The median of r_i: what happens to a typical prompt, whatever a few others gain.</summary>
public static class MedianGain
{
    /// <summary>Percent; of an even number the mean of the middle two; NaN if no prompt has a gain.</summary>
    /// <inheritdoc cref="RelativeGain.Of"/>
    public static double Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after)
    {
        double[] gains = RelativeGain.Defined(RelativeGain.Of(before, after));
        Array.Sort(gains);
        int n = gains.Length;
        return n == 0 ? double.NaN : (gains[(n - 1) / 2] + gains[n / 2]) / 2;
    }
}
