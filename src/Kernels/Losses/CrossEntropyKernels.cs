// Softmax and cross-entropy over the vocabulary, in one kernel that never stores probabilities.
//
//     loss    = log(sum_v exp(x_v)) - x_target
//     dLogits = (softmax(x) - onehot(target)) * gradientScale
//
//   logits, dLogits   [rows, V]    dLogits may be logits
//   targets           [rows]       -1: not counted, loss 0 and gradient 0
//   losses            [rows]
//
// One group per row; two passes over the logits: maximum and sum together, then the gradient.
//
// Host body: CrossEntropyHost.cs.   Oracle: tests/Reference/CrossEntropyReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Fused softmax cross-entropy: losses, and their gradient.</summary>
public static class CrossEntropyKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = 256;

    /// <summary>Writes losses. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    /// <remarks>A target outside the vocabulary gives NaN: visible, and nothing outside is touched.</remarks>
    public static void Forward(
        ArrayView<float> logits, ArrayView<int> targets, ArrayView<float> losses, int V)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * V;
        SoftmaxRow row = SoftmaxRow.Of(logits, start, V, scratch);
        if (Group.IdxX == 0)
            losses[Grid.IdxX] = Loss(logits, start, V, targets[Grid.IdxX], row);
    }

    /// <summary>Writes losses and dLogits. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void ForwardBackward(
        ArrayView<float> logits, ArrayView<int> targets, ArrayView<float> losses, ArrayView<float> dLogits,
        int V, float gradientScale)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * V;
        int target = targets[Grid.IdxX];
        SoftmaxRow row = SoftmaxRow.Of(logits, start, V, scratch);
        if (Group.IdxX == 0)
            losses[Grid.IdxX] = Loss(logits, start, V, target, row);
        Group.Barrier(); // the target's logit is read before dLogits, which may be logits, is written
        for (int v = Group.IdxX; v < V; v += BlockSize)
        {
            float p = DeviceMath.Exp(logits[start + v] - row.Max) / row.Sum;
            float d = v == target ? p - 1f : p;
            dLogits[start + v] = target == -1 ? 0f
                : target < 0 || target >= V ? float.NaN : d * gradientScale;
        }
    }

    static float Loss(ArrayView<float> logits, long start, int V, int target, SoftmaxRow row)
    {
        if (target == -1)
            return 0f;
        if (target < 0 || target >= V)
            return float.NaN;
        return DeviceMath.Log(row.Sum) - (logits[start + target] - row.Max);
    }
}
