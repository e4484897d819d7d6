namespace HeadTap.Merge;

/// <summary>The trace of an operator as random vectors measure it.</summary>
/// <param name="Mean">The estimate.</param>
/// <param name="StandardError">Of the estimate; null for one vector.</param>
public sealed record TraceEstimate(double Mean, double? StandardError)
{
    /// <summary>
    /// The mean of <c>z^T H z</c> over vectors z of independent signs (Hutchinson 1990), and its standard
    /// error: the standard deviation over the root of their number.
    /// </summary>
    public static TraceEstimate Of(IReadOnlyList<double> products)
    {
        ArgumentNullException.ThrowIfNull(products);
        double mean = products.Average();
        return new TraceEstimate(mean, products.Count < 2 ? null : Math.Sqrt(
            products.Sum(p => (p - mean) * (p - mean)) / (products.Count - 1) / products.Count));
    }
}
