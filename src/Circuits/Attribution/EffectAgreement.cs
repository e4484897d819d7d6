namespace HeadTap.Circuits;

/// <summary>How well estimated effects agree with true ones.</summary>
/// <param name="Pearson">Linear correlation; NaN where one of the two does not vary.</param>
/// <param name="Spearman">Correlation of ranks, ties taking their mean rank.</param>
/// <param name="Top">k: number of largest effects that are compared.</param>
/// <param name="Overlap">Share of the k largest true effects, of either sign, that are among the k largest
/// estimated ones; ties go to the lower index.</param>
public sealed record EffectAgreement(double Pearson, double Spearman, int Top, double Overlap)
{
    /// <summary>Compares two lists of effects.</summary>
    /// <exception cref="ArgumentException">Their lengths differ, or k is not 1 to that length.</exception>
    public static EffectAgreement Of(IReadOnlyList<double> estimated, IReadOnlyList<double> measured, int top)
    {
        ArgumentNullException.ThrowIfNull(estimated);
        ArgumentNullException.ThrowIfNull(measured);
        if (estimated.Count != measured.Count || top < 1 || top > measured.Count)
            throw new ArgumentException(
                $"{estimated.Count} and {measured.Count} effects, of which {top} are to be compared.");
        return new EffectAgreement(Correlation(estimated, measured),
            Correlation(Ranks(estimated), Ranks(measured)), top,
            (double)Largest(estimated, top).Intersect(Largest(measured, top)).Count() / top);
    }

    static IEnumerable<int> Largest(IReadOnlyList<double> values, int count)
        => Enumerable.Range(0, values.Count).OrderByDescending(i => Math.Abs(values[i])).Take(count);

    static double Correlation(IReadOnlyList<double> x, IReadOnlyList<double> y)
    {
        double meanX = x.Average(), meanY = y.Average(), xy = 0, xx = 0, yy = 0;
        for (int i = 0; i < x.Count; i++)
        {
            (double a, double b) = (x[i] - meanX, y[i] - meanY);
            (xy, xx, yy) = (xy + a * b, xx + a * a, yy + b * b);
        }
        return xx > 0 && yy > 0 ? xy / Math.Sqrt(xx * yy) : double.NaN;
    }

    static double[] Ranks(IReadOnlyList<double> values)
    {
        int[] order = [.. Enumerable.Range(0, values.Count).OrderBy(i => values[i])];
        double[] ranks = new double[order.Length];
        for (int first = 0, end; first < order.Length; first = end)
        {
            for (end = first + 1; end < order.Length && values[order[end]] == values[order[first]];)
                end++;
            for (int i = first; i < end; i++)
                ranks[order[i]] = (first + end - 1) / 2.0;
        }
        return ranks;
    }
}
