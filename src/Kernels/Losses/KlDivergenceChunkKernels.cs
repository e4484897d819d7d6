// KL divergence over a vocabulary in chunks of columns: no row of logits is ever whole.
//
//     p = softmax(a)   q = softmax(b)          loss = sum_v p_v (log p_v - log q_v)
//     kept of a row:  m_a, s_a, m_b, s_b       maxima so far, and sums of exp(x - m)
//                     t = sum_v exp(a - m_a) ((a - m_a) - (b - m_b))
//     loss    = t / s_a + log s_b - log s_a                     after the last chunk
//     dLogits = (q - p) * gradientScale                         a second time through the chunks
//
// When a chunk moves the maxima to m_a', m_b', what is kept moves too:
//     t' = exp(m_a - m_a') (t + s_a ((m_a - m_a') - (m_b - m_b'))) + the chunk's terms
// so differences are always taken between aligned logits: two rows that differ by a constant give 0, not that
// constant's rounding error.
//
//   targetLogits (a)   [rows, n] at a row stride of targetStride
//   logits (b)         [rows, n]; the gradient overwrites them
//   statistics         [rows, 5]   m_a, s_a, m_b, s_b, t
//   losses             [rows]      right after the last chunk
//
// One group per row.
//
// Host body: KlDivergenceChunkHost.cs.   Oracle: tests/Reference/KlDivergenceReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>KL divergence of logits of which only some columns exist at a time.</summary>
public static class KlDivergenceChunkKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = 256;

    /// <summary>Floats kept of a row between chunks.</summary>
    public const int StatisticsPerRow = 5;

    /// <summary>Writes statistics, or continues them. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    /// <param name="targetLogits">Row r starts at r targetStride.</param>
    /// <param name="logits">[rows, n]</param>
    /// <param name="statistics">[rows, 5]</param>
    /// <param name="losses">[rows]</param>
    /// <param name="targetStride">Floats between rows of targetLogits.</param>
    /// <param name="n">Columns of the chunk.</param>
    /// <param name="begin">1 for a row's first chunk: statistics are written, not continued.</param>
    public static void Statistics(
        ArrayView<float> targetLogits, ArrayView<float> logits, ArrayView<float> statistics,
        ArrayView<float> losses, long targetStride, int n, int begin)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long startA = Grid.IdxX * targetStride, startB = (long)Grid.IdxX * n;
        long at = (long)Grid.IdxX * StatisticsPerRow;
        SoftmaxRow chunkA = SoftmaxRow.Of(targetLogits, startA, n, scratch);
        SoftmaxRow chunkB = SoftmaxRow.Of(logits, startB, n, scratch);
        SoftmaxRow oldA = SoftmaxRow.Empty, oldB = SoftmaxRow.Empty;
        float t = 0f;
        if (begin == 0)
        {
            oldA = new(statistics[at], statistics[at + 1]);
            oldB = new(statistics[at + 2], statistics[at + 3]);
            t = statistics[at + 4];
        }
        SoftmaxRow a = oldA.With(chunkA), b = oldB.With(chunkB);
        float terms = 0f;
        for (int v = Group.IdxX; v < n; v += BlockSize)
            terms += Term(targetLogits[startA + v] - a.Max, logits[startB + v], b.Max);
        // its barriers: no thread writes statistics before all have read them
        terms = GroupReduce.Sum(terms, scratch);
        if (Group.IdxX != 0)
            return;
        t = Moved(t, oldA, oldB, a.Max, b.Max) + terms;
        statistics[at] = a.Max;
        statistics[at + 1] = a.Sum;
        statistics[at + 2] = b.Max;
        statistics[at + 3] = b.Sum;
        statistics[at + 4] = t;
        losses[Grid.IdxX] = t / a.Sum + (DeviceMath.Log(b.Sum) - DeviceMath.Log(a.Sum));
    }

    /// <summary>Overwrites logits with their gradient. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void Gradient(
        ArrayView<float> targetLogits, ArrayView<float> statistics, ArrayView<float> logits,
        long targetStride, int n, float gradientScale)
    {
        long startA = Grid.IdxX * targetStride, startB = (long)Grid.IdxX * n;
        long at = (long)Grid.IdxX * StatisticsPerRow;
        float maxA = statistics[at], sumA = statistics[at + 1], maxB = statistics[at + 2],
            sumB = statistics[at + 3];
        for (int v = Group.IdxX; v < n; v += BlockSize)
        {
            float p = DeviceMath.Exp(targetLogits[startA + v] - maxA) / sumA;
            float q = DeviceMath.Exp(logits[startB + v] - maxB) / sumB;
            logits[startB + v] = (q - p) * gradientScale;
        }
    }

    /// <summary>Moves a sum relative to the older maxima to the newer ones.</summary>
    internal static float Moved(float t, SoftmaxRow oldA, SoftmaxRow oldB, float maxA, float maxB)
    {
        if (!(oldA.Sum > 0f)) // nothing to move; a NaN is in the sum and reaches the loss from there
            return 0f;
        float scale = DeviceMath.Exp(oldA.Max - maxA);
        float moved = t + oldA.Sum * (oldA.Max - maxA - (oldB.Max == maxB ? 0f : oldB.Max - maxB));
        // Infinite terms whose probability has become 0 count nothing, as in a whole row.
        return scale > 0f ? scale * moved : 0f;
    }

    // b alone may be -infinity while its maximum still is.
    static float Term(float alignedA, float b, float maxB)
    {
        float p = DeviceMath.Exp(alignedA);
        float alignedB = b == float.NegativeInfinity ? b : b - maxB;
        return KlDivergenceKernels.Term(p, alignedA, alignedB);
    }
}
