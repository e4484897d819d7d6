namespace HeadTap.Merge;

/// <summary>A place of a spectrum and how much of it lies there.</summary>
/// <param name="Eigenvalue">The place.</param>
/// <param name="Density">Share of all eigenvalues per unit of eigenvalue; the integral is 1.</param>
public readonly record struct DensityPoint(double Eigenvalue, double Density);

/// <summary>
/// The spectral density of an operator, by stochastic Lanczos quadrature: the mean over random start vectors
/// of Gaussians at their Ritz values, with the Ritz values' weights (Ubaru, Chen and Saad 2017; Ghorbani,
/// Krishnan and Xiao 2019, arXiv 1901.10159).
/// </summary>
public static class SpectralDensity
{
    // Of the range: narrower peaks would show single Ritz values, which depend on the start vector.
    const double Width = 0.01;

    const double Margin = 4; // widths beyond the last Ritz values

    /// <summary>Points at equal distances over all Ritz values.</summary>
    /// <param name="probes">Ritz values and weights of each start vector.</param>
    /// <param name="points">How many, at least 2.</param>
    public static IReadOnlyList<DensityPoint> Of(
        IReadOnlyList<(IReadOnlyList<double> Values, IReadOnlyList<double> Weights)> probes, int points)
    {
        ArgumentNullException.ThrowIfNull(probes);
        ArgumentOutOfRangeException.ThrowIfLessThan(points, 2);
        double low = probes.Min(p => p.Values.Min()), high = probes.Max(p => p.Values.Max());
        double width = Width * (high > low ? high - low : Math.Max(Math.Abs(high), 1));
        (low, high) = (low - Margin * width, high + Margin * width);
        return [.. Enumerable.Range(0, points).Select(i =>
        {
            double at = low + (high - low) * i / (points - 1);
            return new DensityPoint(at, probes.Average(p => p.Values.Zip(p.Weights, (value, weight) =>
                weight * Normal((at - value) / width) / width).Sum()));
        })];
    }

    static double Normal(double x) => Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
}
