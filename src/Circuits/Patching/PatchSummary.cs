using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>A cell over all pairs.</summary>
/// <param name="Cell">The cell.</param>
/// <param name="Value">Mean of the metric with the cell patched.</param>
/// <param name="Share">
/// <c>(mean value - mean of the patched run) / (mean of the other run - mean of the patched run)</c>: 0 where
/// the patch does nothing, 1 where it does all; NaN where the two runs measure the same.
/// </param>
/// <param name="Spread">Bootstrap interval of the value over pairs, 95 %; NaN for one pair.</param>
public readonly record struct PatchEffect(PatchCell Cell, double Value, double Share, Interval Spread);

/// <summary>Patches of several pairs, cell by cell.</summary>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Clean">Mean of the metric of the clean runs.</param>
/// <param name="Corrupt">Mean of the metric of the corrupted runs.</param>
/// <param name="Effects">Effects by cell.</param>
public sealed record PatchSummary(
    int Pairs, double Clean, double Corrupt, IReadOnlyList<PatchEffect> Effects)
{
    const ulong Stream = 0x70617463; // apart from what else the seed draws

    /// <summary>Takes means over pairs.</summary>
    /// <param name="pairs">Patches of each pair.</param>
    /// <param name="direction">Which run was patched.</param>
    /// <param name="fromEnd">Whether positions are counted from the end, -1 the last; those that not every
    /// pair has are left out.</param>
    /// <param name="seed">Seed of the intervals; every cell is drawn with the same pairs.</param>
    /// <exception cref="UserException">Cells have positions, the pairs differ in length, and positions are
    /// not counted from the end.</exception>
    public static PatchSummary Of(
        IReadOnlyList<PatchedPair> pairs, PatchDirection direction, bool fromEnd, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        if (pairs.Count == 0)
            throw new ArgumentException("No pairs.", nameof(pairs));
        Dictionary<PatchCell, double>[] found = [.. pairs.Select(pair => pair.Cells.Zip(pair.Values)
            .ToDictionary(c => fromEnd && c.First.Position is { } p
                ? c.First with { Position = p - pair.Length } : c.First, c => c.Second))];
        if (!fromEnd && found.Any(f => f.Count != found[0].Count
            || f.Keys.Any(cell => !found[0].ContainsKey(cell))))
            throw new UserException("the pairs differ in their positions; expected one length, or positions "
                + "counted from the end");
        PatchCell[] cells = [.. found[0].Keys.Where(cell => found.All(f => f.ContainsKey(cell)))];
        double clean = pairs.Average(p => p.Clean), corrupt = pairs.Average(p => p.Corrupt);
        (double own, double other) = direction == PatchDirection.Denoise ? (corrupt, clean)
            : (clean, corrupt);
        return new(pairs.Count, clean, corrupt, [.. cells.Select(cell =>
        {
            double[] values = [.. found.Select(f => f[cell])];
            double mean = values.Average();
            Interval spread = Bootstrap.Of(values.Length, drawn => drawn.Average(i => values[i]),
                new SeededRandom(seed, Stream));
            return new PatchEffect(cell, mean, other == own ? double.NaN : (mean - own) / (other - own),
                spread);
        })]);
    }
}
