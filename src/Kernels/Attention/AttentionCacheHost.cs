// Key/value cache on the host; formulas and shapes as in AttentionCacheKernels.

using System.Runtime.CompilerServices;

namespace HeadTap.Kernels;

/// <summary>Key/value cache on the host: fill it, append to it, attend over it.</summary>
public static unsafe class AttentionCacheHost
{
    const long FloatsPerItem = 1 << 16; // of the keys: some 10 microseconds of work

    /// <summary>Copies k and v of real tokens.</summary>
    public static void Fill(
        float* qkv, int* lengths, float* kCache, float* vCache, int B, int T, int H, int D, int capacity)
        => HostThreads.For(B * H, item =>
        {
            int b = item / H, head = item % H, C = H * D;
            float* from = qkv + (long)b * T * 3 * C + C + head * D;
            long at = (long)item * capacity * D;
            for (int t = 0; t < Math.Min(T, lengths[b]); t++)
                CopyToken(from + (long)t * 3 * C, kCache + at + (long)t * D, vCache + at + (long)t * D, C, D);
        });

    /// <summary>Copies k and v of the new tokens to their positions.</summary>
    public static void Append(
        float* qkv, int* positions, float* kCache, float* vCache, int B, int H, int D, int capacity)
    {
        // Not worth waking threads: C floats a row.
        for (int item = 0; item < B * H; item++)
        {
            int b = item / H, head = item % H, C = H * D, t = positions[b];
            if (t < 0 || t >= capacity)
                continue;
            long at = ((long)item * capacity + t) * D;
            CopyToken(qkv + (long)b * 3 * C + C + head * D, kCache + at, vCache + at, C, D);
        }
    }

    /// <summary>Writes z.</summary>
    public static void Forward(
        float* qkv, int* positions, float* kCache, float* vCache, float* z,
        int B, int H, int D, int capacity, float scale)
        => HostSimd.Ranges((long)B * H, HeadsPerItem(positions, B, D),
            new Heads(qkv, positions, kCache, vCache, z, null, H, D, capacity, scale));

    /// <summary>Writes pattern [B, H, 1, capacity].</summary>
    public static void Pattern(
        float* qkv, int* positions, float* kCache, float* pattern, int B, int H, int D,
        int capacity, float scale)
        => HostSimd.Ranges((long)B * H, HeadsPerItem(positions, B, D),
            new Heads(qkv, positions, kCache, null, null, pattern, H, D, capacity, scale));

    /// <summary>
    /// Writes p = exp(s - max s), where s = scale * &lt;q, k[j]&gt;, and returns the sum of p; 0 without
    /// keys.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Weights<TWidth, TVector>(
        float* q, float* k, float* p, int keys, int D, float scale)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        if (keys <= 0)
            return 0f;
        for (int j = 0; j < keys; j++)
            p[j] = scale * HostRows.Dot<TWidth, TVector>(q, k + (long)j * D, D);
        return HostRows.Exp<TWidth, TVector>(p, HostRows.Max<TWidth, TVector>(p, keys), p, keys);
    }

    /// <summary>Writes the mean of the values, weighted by p, whose sum is given; zeros without
    /// keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Mix<TWidth, TVector>(float* p, float sum, float* v, float* to, int keys, int D)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        new Span<float>(to, D).Clear();
        for (int j = 0; j < keys; j++)
            HostRows.AddScaled<TWidth, TVector>(p[j], v + (long)j * D, to, D);
        if (keys > 0)
            HostRows.Scale<TWidth, TVector>(1f / sum, to, D);
    }

    // Handing one head over a few keys to another thread costs more than computing it.
    internal static long HeadsPerItem(int* positions, int B, int D)
    {
        long keys = 1;
        for (int b = 0; b < B; b++)
            keys = Math.Max(keys, positions[b] + 1L);
        return Math.Max(1, FloatsPerItem / (keys * D));
    }

    internal static void CopyToken(float* k, float* toK, float* toV, int C, int D)
    {
        new Span<float>(k, D).CopyTo(new Span<float>(toK, D));
        new Span<float>(k + C, D).CopyTo(new Span<float>(toV, D));
    }

    readonly struct Heads(
        float* qkv, int* positions, float* kCache, float* vCache, float* z, float* pattern,
        int H, int D, int capacity, float scale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long item = first; item < end; item++)
            {
                int keys = Math.Min(positions[item / H] + 1, capacity);
                float* q = qkv + item / H * 3 * H * D + item % H * D;
                float* k = kCache + item * capacity * D;
                float* p = pattern == null ? HostScratch.Floats(0, capacity) : pattern + item * capacity;
                float sum = Weights<TWidth, TVector>(q, k, p, keys, D, scale);
                if (pattern != null)
                {
                    int real = Math.Max(keys, 0);
                    HostRows.Scale<TWidth, TVector>(1f / sum, p, real);
                    new Span<float>(p + real, capacity - real).Clear();
                    continue;
                }
                float* v = vCache + item * capacity * D;
                Mix<TWidth, TVector>(p, sum, v, z + item * D, keys, D);
            }
        }
    }
}
