namespace HeadTap.Merge;

/// <summary>Keeps the share <c>density</c> of largest magnitudes, tensor by tensor (TIES, arXiv
/// 2306.01708).</summary>
sealed class LargestMagnitudes : ISparsifier
{
    /// <summary>The share of numbers kept; 1 by default, as in mergekit.</summary>
    internal static MergeParameter Density { get; } =
        new("density", 1, 0, 1, "k, the share of each task vector that is kept") { PerModel = true };

    public IReadOnlyList<MergeParameter> Parameters => [Density];

    public ISparsity Open(ParentTensor tensor, TensorSettings settings, int model)
    {
        double density = settings.Of(Density, model);
        return density >= 1 ? Everything.Instance
            : new Kept(MagnitudeCut.Of(tensor, model, (long)(density * tensor.Length)));
    }

    sealed class Kept(MagnitudeCut cut) : ISparsity
    {
        public void Apply(long start, Span<float> vector) => cut.KeepIn(start, vector);
    }
}
