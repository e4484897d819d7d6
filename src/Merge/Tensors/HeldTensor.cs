namespace HeadTap.Merge;

/// <summary>A tensor of parents that are in memory.</summary>
/// <param name="name">The tensor's name.</param>
/// <param name="shape">Its extents.</param>
/// <param name="models">The numbers of each parent.</param>
/// <param name="baseModel">Those of the base; null for none.</param>
public sealed class HeldTensor(
    string name, IReadOnlyList<int> shape, IReadOnlyList<float[]> models, float[]? baseModel = null)
    : ParentTensor
{
    // Three models and a base take 64 MB.
    const long SmallLength = 1 << 22;

    /// <summary>A tensor in memory if it has at most 4 Mi numbers, so that it is read from its files once; a
    /// larger one as it is.</summary>
    internal static ParentTensor IfSmall(ParentTensor tensor)
    {
        if (tensor is HeldTensor || tensor.Length > SmallLength)
            return tensor;
        float[] All(Action<long, Memory<float>> read)
        {
            float[] all = new float[tensor.Length];
            Parts.Each((all.Length + PieceLength - 1) / PieceLength, piece =>
            {
                int start = (int)piece * PieceLength;
                read(start, all.AsMemory(start, Math.Min(PieceLength, all.Length - start)));
            });
            return all;
        }
        return new HeldTensor(tensor.Name, tensor.Shape,
            [.. Enumerable.Range(0, tensor.Models)
                .Select(m => All((start, to) => tensor.Read(m, start, to.Span)))],
            tensor.HasBase ? All((start, to) => tensor.ReadBase(start, to.Span)) : null);
    }

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override IReadOnlyList<int> Shape => shape;

    /// <inheritdoc/>
    public override int Models => models.Count;

    /// <inheritdoc/>
    public override bool HasBase => baseModel is not null;

    /// <inheritdoc/>
    public override void Read(int model, long start, Span<float> to)
        => models[model].AsSpan((int)start, to.Length).CopyTo(to);

    /// <inheritdoc/>
    public override void ReadBase(long start, Span<float> to)
        => (baseModel ?? throw new InvalidOperationException("there is no base model"))
            .AsSpan((int)start, to.Length).CopyTo(to);
}
