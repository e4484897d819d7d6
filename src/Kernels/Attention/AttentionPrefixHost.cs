// Attention of single tokens over the beginning of a run, on the host; formulas and shapes as in
// AttentionPrefixKernels.

using System.Runtime.CompilerServices;

namespace HeadTap.Kernels;

/// <summary>Attention of single tokens over the beginning of a run that they share, on the host.</summary>
public static unsafe class AttentionPrefixHost
{
    const long FloatsPerItem = 1 << 16; // of the keys: some 10 microseconds of work

    /// <summary>Writes z and logSumExp.</summary>
    public static void Forward(
        float* qkv, int* lengths, float* keys, float* values, float* z, float* logSumExp,
        int N, int H, int D, int capacity, float scale)
        => HostSimd.Ranges((long)N * H, HeadsPerItem(lengths, N, D, capacity),
            new ForwardHeads(qkv, lengths, keys, values, z, logSumExp, H, D, capacity, scale));

    /// <summary>Writes dQkv.</summary>
    public static void Backward(
        float* qkv, int* lengths, float* keys, float* values, float* z, float* logSumExp,
        float* dZ, float* dQkv, int N, int H, int D, int capacity, float scale)
        => HostSimd.Ranges((long)N * H, HeadsPerItem(lengths, N, D, capacity),
            new BackwardHeads(
                qkv, lengths, keys, values, z, logSumExp, dZ, dQkv, H, D, capacity, scale));

    // Handing one head over a few keys to another thread costs more than computing it.
    static long HeadsPerItem(int* lengths, int N, int D, int capacity)
    {
        long keys = 1;
        for (int n = 0; n < N; n++)
            keys = Math.Max(keys, Math.Min(lengths[n], capacity) + 1L);
        return Math.Max(1, FloatsPerItem / (keys * D));
    }

    // Scores of a query with the run's keys, and with its own key at [length].
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Scores<TWidth, TVector>(
        float* q, float* own, float* keys, float* scores, int length, int D, float scale)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        for (int j = 0; j < length; j++)
            scores[j] = scale * HostRows.Dot<TWidth, TVector>(q, keys + (long)j * D, D);
        scores[length] = scale * HostRows.Dot<TWidth, TVector>(q, own, D);
    }

    readonly struct ForwardHeads(
        float* qkv, int* lengths, float* keys, float* values, float* z, float* logSumExp,
        int H, int D, int capacity, float scale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            float* p = HostScratch.Floats(0, capacity + 1);
            int C = H * D;
            for (long row = first; row < end; row++)
            {
                int length = Math.Min(lengths[row / H], capacity); // the row's own token stands there
                float* q = qkv + row / H * 3 * C + row % H * D;
                float* k = keys + row % H * capacity * D, v = values + row % H * capacity * D;
                Scores<TWidth, TVector>(q, q + C, k, p, length, D, scale);
                float max = HostRows.Max<TWidth, TVector>(p, length + 1);
                float sum = HostRows.Exp<TWidth, TVector>(p, max, p, length + 1);
                float* to = z + row * D;
                new Span<float>(to, D).Clear();
                for (int j = 0; j < length; j++)
                    HostRows.AddScaled<TWidth, TVector>(p[j], v + (long)j * D, to, D);
                HostRows.AddScaled<TWidth, TVector>(p[length], q + 2 * C, to, D);
                HostRows.Scale<TWidth, TVector>(1f / sum, to, D);
                logSumExp[row] = max + MathF.Log(sum);
            }
        }
    }

    readonly struct BackwardHeads(
        float* qkv, int* lengths, float* keys, float* values, float* z, float* logSumExp,
        float* dZ, float* dQkv, int H, int D, int capacity, float scale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            float* p = HostScratch.Floats(0, capacity + 1);
            int C = H * D;
            for (long row = first; row < end; row++)
            {
                int length = Math.Min(lengths[row / H], capacity);
                long at = row / H * 3 * C + row % H * D;
                float* q = qkv + at, dq = dQkv + at, dz = dZ + row * D;
                float* k = keys + row % H * capacity * D, v = values + row % H * capacity * D;
                Scores<TWidth, TVector>(q, q + C, k, p, length, D, scale);
                HostRows.Exp<TWidth, TVector>(p, logSumExp[row], p, length + 1);

                float dot = HostRows.Dot<TWidth, TVector>(dz, z + row * D, D);
                new Span<float>(dq, D).Clear();
                for (int j = 0; j < length; j++)
                {
                    float dS = p[j] * (HostRows.Dot<TWidth, TVector>(dz, v + (long)j * D, D) - dot);
                    HostRows.AddScaled<TWidth, TVector>(dS, k + (long)j * D, dq, D);
                }
                float own = p[length];
                float dOwn = own * (HostRows.Dot<TWidth, TVector>(dz, q + 2 * C, D) - dot);
                HostRows.AddScaled<TWidth, TVector>(dOwn, q + C, dq, D);
                HostRows.Scale<TWidth, TVector>(scale, dq, D);
                for (int d = 0; d < D; d++)
                {
                    dq[C + d] = scale * dOwn * q[d];
                    dq[2 * C + d] = own * dz[d];
                }
            }
        }
    }
}
