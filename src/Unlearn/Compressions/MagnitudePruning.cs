using System.Globalization;

namespace HeadTap.Unlearn;

/// <summary>
/// Sets the smallest weights of every matrix to 0 (magnitude pruning, layer by layer; Han et al. 2015, arXiv
/// 1506.02626). Of equal ones those of the lower index go first.
/// </summary>
/// <param name="Share">Share of a matrix that becomes 0, from 0 to below 1; rounded down to whole
/// weights.</param>
public sealed record MagnitudePruning(double Share) : WeightCompression
{
    /// <inheritdoc/>
    public override string Name => "prune:" + Share.ToString(CultureInfo.InvariantCulture);

    internal override void Compress(float[] weights, int outputs)
    {
        int count = (int)(Share * weights.Length);
        float[] magnitudes = Array.ConvertAll(weights, MathF.Abs);
        int[] order = [.. Enumerable.Range(0, weights.Length)];
        Array.Sort(order, (a, b) => magnitudes[a] != magnitudes[b]
            ? magnitudes[a].CompareTo(magnitudes[b]) : a.CompareTo(b));
        foreach (int i in order.AsSpan(0, count))
            weights[i] = 0;
    }
}
