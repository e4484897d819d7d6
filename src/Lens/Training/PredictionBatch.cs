using HeadTap.Models;

namespace HeadTap.Lens;

/// <summary>All layers are fitted to the model's own prediction, at the same positions.</summary>
sealed class PredictionBatch(LensActivations activations) : ILensBatch
{
    public int Capacity => activations.Capacity;

    public int Count => activations.Count;

    public void Clear() => activations.Clear();

    public void Add(SequenceBatch rows, ReadOnlySpan<int> positions, long pass, long firstRow)
        => activations.Add(rows, positions);

    public IEnumerable<LensFit> Fits(IReadOnlyList<int> layers)
    {
        if (layers.Count > 0)
            yield return new LensFit(layers, Count, activations.Target, null, activations.Of);
    }

    public void Dispose() => activations.Dispose();
}
