using System.Buffers;
using System.Numerics;

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

    public bool ReadsAgain => false;

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
            float[] rented = ArrayPool<float>.Shared.Rent(vector.Length);
            Span<float> scaled = rented.AsSpan(0, vector.Length);
            if (rescale)
                Divided(vector, density, scaled);
            else
                vector.CopyTo(scaled);
            vector.Clear();
            random.Where(start, density, scaled, vector);
            ArrayPool<float>.Shared.Return(rented);
        }

        // In float64, rounded once.
        static void Divided(ReadOnlySpan<float> values, double divisor, Span<float> to)
        {
            int i = 0;
            for (; i + Vector<float>.Count <= to.Length; i += Vector<float>.Count)
            {
                Vector.Widen(new Vector<float>(values[i..]), out Vector<double> low, out Vector<double> high);
                Vector.Narrow(low / new Vector<double>(divisor), high / new Vector<double>(divisor))
                    .CopyTo(to[i..]);
            }
            for (; i < to.Length; i++)
                to[i] = (float)(values[i] / divisor);
        }
    }
}
