// Kullback-Leibler divergence between the softmaxes of two rows of logits; no probabilities are stored.
//
//     p = softmax(a)      q = softmax(b)
//     loss    = sum_v p_v (log p_v - log q_v)
//     dLogits = (q - p) * gradientScale          the gradient of b
//
//   targetLogits (a), logits (b), dLogits   [rows, V]    dLogits may be logits
//   losses                                  [rows]
//
// One group per row; two passes over both.
//
// Host body: KlDivergenceHost.cs.   Oracle: tests/Reference/KlDivergenceReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Fused KL divergence of two rows of logits: losses, and their gradient.</summary>
public static class KlDivergenceKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = 256;

    /// <summary>Writes losses. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void Forward(
        ArrayView<float> targetLogits, ArrayView<float> logits, ArrayView<float> losses, int V)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * V;
        SoftmaxRow a = SoftmaxRow.Of(targetLogits, start, V, scratch);
        SoftmaxRow b = SoftmaxRow.Of(logits, start, V, scratch);
        float sum = 0f;
        for (int v = Group.IdxX; v < V; v += BlockSize)
        {
            float aligned = targetLogits[start + v] - a.Max;
            float p = DeviceMath.Exp(aligned) / a.Sum;
            sum += Term(p, aligned, logits[start + v] - b.Max);
        }
        sum = GroupReduce.Sum(sum, scratch);
        if (Group.IdxX == 0)
            losses[Grid.IdxX] = sum + (DeviceMath.Log(b.Sum) - DeviceMath.Log(a.Sum));
    }

    /// <summary>Writes losses and dLogits. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void ForwardBackward(
        ArrayView<float> targetLogits, ArrayView<float> logits, ArrayView<float> losses,
        ArrayView<float> dLogits, int V, float gradientScale)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * V;
        SoftmaxRow a = SoftmaxRow.Of(targetLogits, start, V, scratch);
        SoftmaxRow b = SoftmaxRow.Of(logits, start, V, scratch);
        float sum = 0f;
        for (int v = Group.IdxX; v < V; v += BlockSize)
        {
            float alignedA = targetLogits[start + v] - a.Max;
            float alignedB = logits[start + v] - b.Max;
            float p = DeviceMath.Exp(alignedA) / a.Sum;
            float q = DeviceMath.Exp(alignedB) / b.Sum;
            sum += Term(p, alignedA, alignedB);
            dLogits[start + v] = (q - p) * gradientScale;
        }
        sum = GroupReduce.Sum(sum, scratch);
        if (Group.IdxX == 0)
            losses[Grid.IdxX] = sum + (DeviceMath.Log(b.Sum) - DeviceMath.Log(a.Sum));
    }

    // p log p is 0 at p = 0, also where both logits are -infinity and their difference is NaN. A NaN p is
    // not lost by this: the sum under it is NaN as well.
    internal static float Term(float p, float a, float b) => p > 0f ? p * (a - b) : 0f;
}
