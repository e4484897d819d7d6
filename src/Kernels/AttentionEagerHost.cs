// Attention step by step on the host; formulas and shapes as in AttentionEagerKernels.

namespace HeadTap.Kernels;

/// <summary>Scores, softmax of rows, mix, and their gradients, on the host.</summary>
public static unsafe class AttentionEagerHost
{
    const int RowsPerItem = 8;

    /// <summary>Writes scores, or pattern where logSumExp is given.</summary>
    public static void Scores(
        float* qkv, int* lengths, float* logSumExp, float* scores, int B, int T, int H, int D, float scale)
        => HostSimd.Ranges((long)B * H * T, RowsPerItem,
            new ScoreRows(qkv, lengths, logSumExp, scores, T, H, D, scale));

    /// <summary>Writes the softmax of each row; pattern may be scores.</summary>
    public static void Softmax(float* scores, float* pattern, int rows, int columns)
        => HostSimd.Ranges(rows, RowsPerItem, new SoftmaxRows(scores, pattern, columns));

    /// <summary>Writes dScores; it may be dPattern.</summary>
    public static void SoftmaxBackward(float* pattern, float* dPattern, float* dScores, int rows, int columns)
        => HostSimd.Ranges(rows, RowsPerItem, new SoftmaxBackwardRows(pattern, dPattern, dScores, columns));

    /// <summary>Writes z.</summary>
    public static void Mix(float* pattern, float* qkv, float* z, int B, int T, int H, int D)
        => HostSimd.Ranges((long)B * H * T, RowsPerItem, new MixRows(pattern, qkv, z, T, H, D));

    /// <summary>Writes dPattern and adds into the v part of dQkv. One item is a head of a row of the batch.</summary>
    public static void MixBackward(
        float* pattern, float* qkv, float* dZ, float* dPattern, float* dQkv, int B, int T, int H, int D)
        => HostSimd.Ranges((long)B * H, 1, new MixBackwardHeads(pattern, qkv, dZ, dPattern, dQkv, T, H, D));

    /// <summary>Adds into the q and k parts of dQkv. Items as in <see cref="MixBackward"/>.</summary>
    public static void ScoresBackward(
        float* qkv, float* dScores, float* dQkv, int B, int T, int H, int D, float scale)
        => HostSimd.Ranges((long)B * H, 1, new ScoresBackwardHeads(qkv, dScores, dQkv, T, H, D, scale));

    readonly struct ScoreRows(
        float* qkv, int* lengths, float* logSumExp, float* scores, int T, int H, int D, float scale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            long stride = 3L * H * D;
            for (long item = first; item < end; item++)
            {
                int i = (int)(item % T), head = (int)(item / T % H);
                long b = item / T / H;
                int keys = i < lengths[b] ? i + 1 : 0;
                float* to = scores + item * T;
                float* q = qkv + b * T * stride + head * D;
                for (int j = 0; j < keys; j++)
                    to[j] = scale * HostRows.Dot<TWidth, TVector>(q + i * stride, q + H * D + j * stride, D);
                if (logSumExp != null)
                    HostRows.Exp<TWidth, TVector>(to, logSumExp[item], to, keys);
                new Span<float>(to + keys, T - keys).Fill(logSumExp != null ? 0f : float.NegativeInfinity);
            }
        }
    }

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

    readonly struct SoftmaxBackwardRows(float* pattern, float* dPattern, float* dScores, int columns) : IHostBody
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

    readonly struct MixRows(float* pattern, float* qkv, float* z, int T, int H, int D) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int C = H * D;
            for (long item = first; item < end; item++)
            {
                int i = (int)(item % T), head = (int)(item / T % H);
                long b = item / T / H;
                float* v = qkv + b * T * 3 * C + 2 * C + head * D;
                float* to = z + (b * T + i) * C + head * D;
                new Span<float>(to, D).Clear();
                for (int j = 0; j < T; j++)
                    if (pattern[item * T + j] != 0f)
                        HostRows.AddScaled<TWidth, TVector>(pattern[item * T + j], v + (long)j * 3 * C, to, D);
            }
        }
    }

    readonly struct MixBackwardHeads(
        float* pattern, float* qkv, float* dZ, float* dPattern, float* dQkv, int T, int H, int D) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int C = H * D;
            for (long item = first; item < end; item++)
            {
                long b = item / H, v = b * T * 3 * C + 2 * C + item % H * D;
                for (int i = 0; i < T; i++)
                {
                    float* dz = dZ + (b * T + i) * C + item % H * D;
                    long row = (item * T + i) * T;
                    for (int j = 0; j < T; j++)
                    {
                        dPattern[row + j] = HostRows.Dot<TWidth, TVector>(dz, qkv + v + (long)j * 3 * C, D);
                        if (pattern[row + j] != 0f)
                            HostRows.AddScaled<TWidth, TVector>(
                                pattern[row + j], dz, dQkv + v + (long)j * 3 * C, D);
                    }
                }
            }
        }
    }

    readonly struct ScoresBackwardHeads(
        float* qkv, float* dScores, float* dQkv, int T, int H, int D, float scale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int C = H * D;
            long stride = 3L * C;
            for (long item = first; item < end; item++)
            {
                long q = item / H * T * stride + item % H * D;
                for (int i = 0; i < T; i++)
                    for (int j = 0; j <= i; j++)
                    {
                        float dS = dScores[(item * T + i) * T + j] * scale;
                        if (dS == 0f)
                            continue;
                        long k = q + C + j * stride;
                        HostRows.AddScaled<TWidth, TVector>(dS, qkv + k, dQkv + q + i * stride, D);
                        HostRows.AddScaled<TWidth, TVector>(dS, qkv + q + i * stride, dQkv + k, D);
                    }
            }
        }
    }
}
