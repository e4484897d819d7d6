namespace HeadTap.Merge;

/// <summary>
/// Drops the share <c>gamma</c> of largest magnitudes and keeps the next <c>density</c> (breadcrumbs, arXiv
/// 2312.06795).
/// </summary>
sealed class MiddleMagnitudes : ISparsifier
{
    /// <summary>The share of largest numbers dropped; 0.01 by default, as in mergekit.</summary>
    internal static MergeParameter Gamma { get; } =
        new("gamma", 0.01, 0, 1, "the share of largest magnitudes that is dropped") { PerModel = true };

    public IReadOnlyList<MergeParameter> Parameters => [LargestMagnitudes.Density, Gamma];

    public ISparsity Open(ParentTensor tensor, TensorSettings settings, int model)
    {
        double density = settings.Of(LargestMagnitudes.Density, model);
        if (density >= 1)
            return Everything.Instance;
        long length = tensor.Length, kept = (long)(density * length);
        // Where both shares exceed the tensor, fewer large ones are dropped: mergekit's rule.
        long dropped = Math.Min((long)(settings.Of(Gamma, model) * length), length - kept);
        return new Kept(MagnitudeCut.Of(tensor, model, dropped),
            MagnitudeCut.Of(tensor, model, dropped + kept));
    }

    sealed class Kept(MagnitudeCut dropped, MagnitudeCut kept) : ISparsity
    {
        public void Apply(long start, Span<float> vector)
        {
            for (int i = 0; i < vector.Length; i++)
                if (dropped.Keeps(start + i, vector[i]) || !kept.Keeps(start + i, vector[i]))
                    vector[i] = 0;
        }
    }
}
