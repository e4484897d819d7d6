using System.Buffers;

namespace HeadTap.Merge;

/// <summary>The base plus task vectors by weights: <c>theta_0 + sum_i c_i t_i</c>.</summary>
sealed class TaskVectorSum(ParentTensor tensor, double[] weights) : ITensorMerge
{
    public void Write(long start, Span<float> to)
    {
        float[] piece = ArrayPool<float>.Shared.Rent(to.Length);
        double[] sums = ArrayPool<double>.Shared.Rent(to.Length);
        try
        {
            Span<float> vector = piece.AsSpan(0, to.Length);
            sums.AsSpan(0, to.Length).Clear();
            for (int m = 0; m < weights.Length; m++)
            {
                tensor.ReadTaskVector(m, start, vector);
                for (int i = 0; i < vector.Length; i++)
                    sums[i] += weights[m] * vector[i];
            }
            tensor.ReadBase(start, to);
            for (int i = 0; i < to.Length; i++)
                to[i] = (float)(to[i] + sums[i]);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(piece);
            ArrayPool<double>.Shared.Return(sums);
        }
    }
}
