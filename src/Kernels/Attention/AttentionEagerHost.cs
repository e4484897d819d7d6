// Attention step by step on the host; formulas and shapes as in AttentionEagerKernels.

namespace HeadTap.Kernels;

/// <summary>Scores, softmax of rows, mix, and their gradients, on the host.</summary>
public static unsafe class AttentionEagerHost
{
    const int RowsPerItem = 8;

    /// <summary>Writes scores, or pattern where logSumExp is given.</summary>
    public static void Scores(
        float* qkv, int* lengths, float* logSumExp, float* scores, int B, int T, int H, int D, float scale)
    {
        int parts = Parts(B, T, H);
        HostSimd.Ranges((long)B * H * parts, 1,
            new AttentionScoresHeads(qkv, lengths, logSumExp, scores, T, H, D, scale, parts));
    }

    /// <summary>Writes the softmax of each row; pattern may be scores.</summary>
    public static void Softmax(float* scores, float* pattern, int rows, int columns)
        => HostSimd.Ranges(rows, RowsPerItem, new SoftmaxRows(scores, pattern, columns));

    /// <summary>Writes dScores; it may be dPattern.</summary>
    public static void SoftmaxBackward(float* pattern, float* dPattern, float* dScores, int rows, int columns)
        => HostSimd.Ranges(rows, RowsPerItem, new SoftmaxBackwardRows(pattern, dPattern, dScores, columns));

    /// <summary>Writes z.</summary>
    public static void Mix(float* pattern, float* qkv, float* z, int B, int T, int H, int D)
    {
        int parts = Parts(B, T, H);
        HostSimd.Ranges((long)B * H * parts, 1, new AttentionMixHeads(pattern, qkv, z, T, H, D, parts));
    }

    /// <summary>
    /// Writes dPattern and adds into the v part of dQkv. One item is a head of a row of the batch.
    /// </summary>
    public static void MixBackward(
        float* pattern, float* qkv, float* dZ, float* dPattern, float* dQkv, int B, int T, int H, int D)
        => HostSimd.Ranges((long)B * H, 1,
            new AttentionMixBackwardHeads(pattern, qkv, dZ, dPattern, dQkv, T, H, D));

    /// <summary>Adds into the q and k parts of dQkv. Items as in <see cref="MixBackward"/>.</summary>
    public static void ScoresBackward(
        float* qkv, float* dScores, float* dQkv, int B, int T, int H, int D, float scale)
        => HostSimd.Ranges((long)B * H, 1,
            new AttentionScoresBackwardHeads(qkv, dScores, dQkv, T, H, D, scale));

    // Items of a head take every n-th block of queries.
    static int Parts(int B, int T, int H)
        => Math.Clamp(4 * HostThreads.Count / (B * H), 1, (T + AttentionBlock.Rows - 1)
            / AttentionBlock.Rows);

    readonly struct SoftmaxRows(float* scores, float* pattern, int columns) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
            {
                float* from = scores + row * columns;
                float* to = pattern + row * columns;
                float max = HostRows.Max<TWidth, TVector>(from, columns);
                if (float.IsNegativeInfinity(max))
                {
                    new Span<float>(to, columns).Clear();
                    continue;
                }
                float sum = HostRows.Exp<TWidth, TVector>(from, max, to, columns);
                HostRows.Scale<TWidth, TVector>(1f / sum, to, columns);
            }
        }
    }

    readonly struct SoftmaxBackwardRows(float* pattern, float* dPattern, float* dScores, int columns)
        : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            TVector zero = TWidth.Create(0f);
            for (long row = first; row < end; row++)
            {
                float* p = pattern + row * columns;
                float* dP = dPattern + row * columns;
                float* to = dScores + row * columns;
                TVector dots = zero;
                int j = 0;
                for (; j + lanes <= columns; j += lanes)
                {
                    TVector weight = TWidth.Load(p + j);
                    TVector term = TWidth.Multiply(weight, TWidth.Load(dP + j));
                    dots = TWidth.Add(dots, TWidth.IfLess(zero, TWidth.Abs(weight), term, zero));
                }
                float dot = TWidth.Sum(dots);
                for (; j < columns; j++)
                    dot += p[j] == 0f ? 0f : p[j] * dP[j];
                TVector allDots = TWidth.Create(dot);
                for (j = 0; j + lanes <= columns; j += lanes)
                {
                    TVector weight = TWidth.Load(p + j);
                    TVector dS = TWidth.Multiply(weight, TWidth.Subtract(TWidth.Load(dP + j), allDots));
                    TWidth.Store(TWidth.IfLess(zero, TWidth.Abs(weight), dS, zero), to + j);
                }
                for (; j < columns; j++)
                    to[j] = p[j] == 0f ? 0f : p[j] * (dP[j] - dot);
            }
        }
    }
}
