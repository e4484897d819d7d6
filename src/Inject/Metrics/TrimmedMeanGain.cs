namespace HeadTap.Inject;

/// <summary>
/// The paper's table value: the mean of r_i after dropping, once, those farther than two sample standard
/// deviations from the mean of all.
/// </summary>
/// <remarks>The deviation divides by n - 1; of one value there is none, and nothing is dropped.</remarks>
public static class TrimmedMeanGain
{
    /// <summary>Percent; NaN if no prompt has a gain.</summary>
    /// <inheritdoc cref="RelativeGain.Of"/>
    public static double Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after) =>
        RelativeGain.Mean(Kept(RelativeGain.Of(before, after)));

    /// <summary>The gains that the mean is taken of.</summary>
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
