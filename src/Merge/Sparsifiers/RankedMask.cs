using System.Buffers;
using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// Keeps each number with a probability that rises with its rank in its row, from density - epsilon for the
/// smallest magnitude to density + epsilon for the largest, and divides it by that (DELLA, arXiv 2406.11617,
/// section 3.1).
/// </summary>
sealed class RankedMask : ISparsifier
{
    /// <summary>Half of the distance between the probabilities of the smallest and the largest; 0.15 by
    /// default, as in mergekit.</summary>
    internal static MergeParameter Epsilon { get; } = new("epsilon", 0.15, 0, 1,
        "epsilon: a row's numbers are kept with probability density - epsilon to density + epsilon")
    {
        PerModel = true,
    };

    public IReadOnlyList<MergeParameter> Parameters =>
        [LargestMagnitudes.Density, Epsilon, RandomMask.Rescale];

    public ISparsity Open(ParentTensor tensor, TensorSettings settings, int model)
    {
        double density = settings.Of(LargestMagnitudes.Density, model);
        if (density >= 1)
            return Everything.Instance;
        Require(settings, model);
        double epsilon = density <= 0 ? 0 : settings.Of(Epsilon, model);
        return new Kept(tensor, model, new PlaceRandom(settings.Seed, tensor.Name, model), density, epsilon,
            settings.Is(RandomMask.Rescale));
    }

    public void Require(TensorSettings settings, int model)
    {
        (double density, double epsilon) =
            (settings.Of(LargestMagnitudes.Density, model), settings.Of(Epsilon, model));
        if (density is > 0 and < 1 && (density - epsilon <= 0 || density + epsilon >= 1))
            throw new UserException(string.Create(CultureInfo.InvariantCulture,
                $"epsilon is {epsilon} with density {density}; expected density - epsilon above 0 and ")
                + "density + epsilon below 1");
    }

    sealed class Kept(ParentTensor tensor, int model, PlaceRandom random, double density, double epsilon,
        bool rescale) : ISparsity
    {
        readonly int _row = (int)(tensor.Length / TensorLines.Rows(tensor).Count);

        // Ranks are of whole rows: a piece that begins inside one reads it from its start.
        public void Apply(long start, Span<float> vector)
        {
            float[] magnitudes = ArrayPool<float>.Shared.Rent(_row);
            int[] places = ArrayPool<int>.Shared.Rent(_row);
            try
            {
                for (long row = start / _row * _row; row < start + vector.Length; row += _row)
                {
                    tensor.ReadTaskVector(model, row, magnitudes.AsSpan(0, _row));
                    for (int i = 0; i < _row; i++)
                        (magnitudes[i], places[i]) = (MathF.Abs(magnitudes[i]), i);
                    // By magnitude, and of equal ones by place: the key decides every order.
                    places.AsSpan(0, _row).Sort((a, b) => magnitudes[a].CompareTo(magnitudes[b]) is var order
                        && order != 0 ? order : a.CompareTo(b));
                    for (int rank = 0; rank < _row; rank++)
                        if (row + places[rank] - start is var at && at >= 0 && at < vector.Length)
                            vector[(int)at] = Of(vector[(int)at], row + places[rank], rank);
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(magnitudes);
                ArrayPool<int>.Shared.Return(places);
            }
        }

        float Of(float value, long place, int rank)
        {
            double probability = density - epsilon + (_row > 1 ? 2 * epsilon * rank / (_row - 1) : epsilon);
            return random.At(place) >= probability ? 0 : rescale ? (float)(value / probability) : value;
        }
    }
}
