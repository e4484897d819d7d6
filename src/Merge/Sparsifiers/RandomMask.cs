namespace HeadTap.Merge;

/// <summary>
/// Keeps each number with probability <c>density</c> and divides it by that (DARE, arXiv 2311.03099, where
/// density is 1 - p).
/// </summary>
sealed class RandomMask : ISparsifier
{
    /// <summary>Whether kept numbers are divided by the density; true by default, as in mergekit.</summary>
    internal static MergeParameter Rescale { get; } =
        MergeParameter.Switch("rescale", true, "whether kept numbers are divided by their probability");

    public IReadOnlyList<MergeParameter> Parameters => [LargestMagnitudes.Density, Rescale];

    public ISparsity Open(ParentTensor tensor, TensorSettings settings, int model)
    {
        double density = settings.Of(LargestMagnitudes.Density, model);
        return density >= 1 ? Everything.Instance : new Kept(
            new PlaceRandom(settings.Seed, tensor.Name, model), density, settings.Is(Rescale));
    }

    sealed class Kept(PlaceRandom random, double density, bool rescale) : ISparsity
    {
        public void Apply(long start, Span<float> vector)
        {
            for (int i = 0; i < vector.Length; i++)
                vector[i] = random.At(start + i) >= density ? 0
                    : rescale ? (float)(vector[i] / density) : vector[i];
        }
    }
}
