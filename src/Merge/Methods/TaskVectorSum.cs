using System.Buffers;

namespace HeadTap.Merge;

/// <summary>The base plus task vectors by weights: <c>theta_0 + sum_i c_i t_i</c>.</summary>
sealed class TaskVectorSum(ParentTensor tensor, double[] weights) : ITensorMerge
{
    public void Write(long start, Span<float> to)
    {
        float[] piece = ArrayPool<float>.Shared.Rent(to.Length);
        double[] rented = ArrayPool<double>.Shared.Rent(to.Length);
        try
        {
            Span<float> vector = piece.AsSpan(0, to.Length);
            Span<double> sums = rented.AsSpan(0, to.Length);
            sums.Clear();
            for (int m = 0; m < weights.Length; m++)
            {
                tensor.ReadTaskVector(m, start, vector);
                WideSums.Add(sums, vector, weights[m]);
            }
            tensor.ReadBase(start, to);
            WideSums.Add(sums, to, 1);
            WideSums.Round(sums, to);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(piece);
            ArrayPool<double>.Shared.Return(rented);
        }
    }
}
