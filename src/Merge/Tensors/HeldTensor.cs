namespace HeadTap.Merge;

/// <summary>A tensor of parents that are in memory.</summary>
/// <param name="name">The tensor's name.</param>
/// <param name="shape">Its extents.</param>
/// <param name="models">The numbers of each parent; what is behind them is not read.</param>
/// <param name="baseModel">Those of the base; null for none.</param>
public sealed class HeldTensor(
    string name, IReadOnlyList<int> shape, IReadOnlyList<float[]> models, float[]? baseModel = null)
    : ParentTensor
{
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
