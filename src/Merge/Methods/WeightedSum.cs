using System.Buffers;

namespace HeadTap.Merge;

/// <summary>The sum of the models by weights, in float64 and rounded once. A weight of 0 leaves its model
/// out, so weights 1 and 0 give the first model to the bit.</summary>
sealed class WeightedSum(ParentTensor tensor, double[] weights) : ITensorMerge
{
    /// <summary>The mean of some of the models.</summary>
    internal static WeightedSum Mean(ParentTensor tensor, IEnumerable<int> models)
    {
        HashSet<int> counted = [.. models];
        return new(tensor, [.. Enumerable.Range(0, tensor.Models)
            .Select(m => counted.Contains(m) ? 1.0 / counted.Count : 0)]);
    }

    public void Write(long start, Span<float> to)
    {
        float[] piece = ArrayPool<float>.Shared.Rent(to.Length);
        double[] rented = ArrayPool<double>.Shared.Rent(to.Length);
        try
        {
            Span<float> values = piece.AsSpan(0, to.Length);
            Span<double> sums = rented.AsSpan(0, to.Length);
            bool first = true;
            to.Clear();
            for (int model = 0; model < weights.Length; model++)
            {
                double weight = weights[model];
                tensor.Read(model, start, values); // with weight 0 too: a parent's NaN is refused
                if (weight == 0)
                    continue;
                if (first)
                    WideSums.Set(sums, values, weight);
                else
                    WideSums.Add(sums, values, weight);
                first = false;
            }
            if (!first)
                WideSums.Round(sums, to);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(piece);
            ArrayPool<double>.Shared.Return(rented);
        }
    }
}
