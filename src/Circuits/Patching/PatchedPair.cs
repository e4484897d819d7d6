namespace HeadTap.Circuits;

/// <summary>The metric of both runs of a pair and of every patched run.</summary>
/// <param name="Clean">Of the clean run.</param>
/// <param name="Corrupt">Of the corrupted run; the mean over samples where it is drawn.</param>
/// <param name="Length">Tokens of the run that is patched.</param>
/// <param name="Cells">Cells of the grid, by layer.</param>
/// <param name="Values">The metric with each cell patched; the mean over samples likewise.</param>
public sealed record PatchedPair(
    double Clean, double Corrupt, int Length, IReadOnlyList<PatchCell> Cells, double[] Values)
{
    /// <summary>The mean over samples of one pair's corruption, which have the same cells.</summary>
    public static PatchedPair Mean(IReadOnlyList<PatchedPair> samples)
    {
        ArgumentNullException.ThrowIfNull(samples);
        PatchedPair first = samples[0];
        if (samples.Any(s => !s.Cells.SequenceEqual(first.Cells)))
            throw new ArgumentException("Samples of one pair have the same cells.", nameof(samples));
        return first with
        {
            Corrupt = samples.Average(s => s.Corrupt),
            Values = [.. first.Values.Select((_, i) => samples.Average(s => s.Values[i]))],
        };
    }
}
