// Cross-entropy over a vocabulary in chunks of columns: no row of logits is ever whole.
//
//     after chunk c:   m, s   maximum of x[0 .. end of c) and sum of exp(x - m)      t   x[target], once met
//     loss    = log(s) - (t - m)                                after the last chunk
//     dLogits = (exp(x - m) / s - onehot(target)) * gradientScale      a second time through the chunks
//
//   logits       [rows, n]   columns [first, first + n) of the rows; the gradient overwrites them
//   statistics   [rows, 3]   m, s, t
//   targets      [rows]      -1: not counted, loss 0 and gradient 0
//   losses       [rows]      right after the last chunk
//
// One group per row.
//
// Host body: CrossEntropyChunkHost.cs.   Oracle: tests/Reference/CrossEntropyReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Cross-entropy of logits of which only some columns exist at a time.</summary>
public static class CrossEntropyChunkKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = 256;

    /// <summary>Floats kept of a row between chunks: maximum, sum, the target's logit.</summary>
    public const int StatisticsPerRow = 3;

    /// <summary>Writes statistics, or continues them. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    /// <param name="logits">[rows, n]</param>
    /// <param name="targets">[rows]</param>
    /// <param name="statistics">[rows, 3]; written where <paramref name="first"/> is 0, else
    /// continued.</param>
    /// <param name="losses">[rows]</param>
    /// <param name="first">The vocabulary's column that is the chunk's first.</param>
    /// <param name="n">Columns of the chunk.</param>
    public static void Statistics(
        ArrayView<float> logits, ArrayView<int> targets, ArrayView<float> statistics, ArrayView<float> losses,
        int first, int n)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * n;
        SoftmaxRow chunk = SoftmaxRow.Of(logits, start, n, scratch);
        if (Group.IdxX != 0)
            return;
        long at = (long)Grid.IdxX * StatisticsPerRow;
        int target = targets[Grid.IdxX];
        SoftmaxRow row = first == 0 ? SoftmaxRow.Empty : new(statistics[at], statistics[at + 1]);
        float targetLogit = first == 0 ? float.NaN : statistics[at + 2];
        row = row.With(chunk);
        if (target >= first && target < first + n)
            targetLogit = logits[start + target - first];
        statistics[at] = row.Max;
        statistics[at + 1] = row.Sum;
        // NaN until it is met: a target outside the vocabulary stays visible
        statistics[at + 2] = targetLogit;
        losses[Grid.IdxX] = target == -1 ? 0f : DeviceMath.Log(row.Sum) - (targetLogit - row.Max);
    }

    /// <summary>Overwrites logits with their gradient. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void Gradient(
        ArrayView<int> targets, ArrayView<float> statistics, ArrayView<float> logits,
        int first, int n, float gradientScale)
    {
        long start = (long)Grid.IdxX * n, at = (long)Grid.IdxX * StatisticsPerRow;
        int target = targets[Grid.IdxX];
        float max = statistics[at], sum = statistics[at + 1];
        // the target was never met: the row is NaN, as its loss is
        bool missing = float.IsNaN(statistics[at + 2]);
        for (int v = Group.IdxX; v < n; v += BlockSize)
        {
            float p = DeviceMath.Exp(logits[start + v] - max) / sum;
            float d = first + v == target ? p - 1f : p;
            logits[start + v] = target == -1 ? 0f : missing ? float.NaN : d * gradientScale;
        }
    }
}
