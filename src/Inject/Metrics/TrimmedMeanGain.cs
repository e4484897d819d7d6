namespace HeadTap.Inject;

/// <summary>
/// Trimmed mean of r_i, which the paper's tables report: values farther than two sample standard deviations
/// from the mean are dropped once, and the mean of the others is taken.
/// </summary>
/// <remarks>The sample deviation divides by n - 1; with one value nothing is dropped.</remarks>
public static class TrimmedMeanGain
{
    /// <summary>Returns the trimmed mean in percent; NaN if no prompt has a gain.</summary>
    /// <inheritdoc cref="RelativeGain.Of"/>
    public static double Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after) =>
        RelativeGain.Mean(Kept(RelativeGain.Of(before, after)));

    /// <summary>Returns the gains that are not dropped.</summary>
    internal static double[] Kept(double[] gains)
    {
        double[] values = RelativeGain.Defined(gains);
        if (values.Length < 2)
            return values;
        double mean = RelativeGain.Mean(values), squares = 0;
        foreach (double value in values)
            squares += (value - mean) * (value - mean);
        double far = 2 * Math.Sqrt(squares / (values.Length - 1));
        return Array.FindAll(values, value => Math.Abs(value - mean) <= far);
    }
}
