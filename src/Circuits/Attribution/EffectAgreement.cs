using HeadTap.Models;

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
        return new EffectAgreement(Correlation.Pearson(estimated, measured),
            Correlation.Spearman(estimated, measured), top,
            (double)Largest(estimated, top).Intersect(Largest(measured, top)).Count() / top);
    }

    static IEnumerable<int> Largest(IReadOnlyList<double> values, int count)
        => Enumerable.Range(0, values.Count).OrderByDescending(i => Math.Abs(values[i])).Take(count);
}
