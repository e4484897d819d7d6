// Key/value cache on the host; formulas and shapes as in AttentionCacheKernels.

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

    // Handing one head over a few keys to another thread costs more than computing it.
    static long HeadsPerItem(int* positions, int B, int D)
    {
        long keys = 1;
        for (int b = 0; b < B; b++)
            keys = Math.Max(keys, positions[b] + 1L);
        return Math.Max(1, FloatsPerItem / (keys * D));
    }

    static void CopyToken(float* k, float* toK, float* toV, int C, int D)
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
                float sum = 0f;
                if (keys > 0)
                {
                    for (int j = 0; j < keys; j++)
                        p[j] = scale * HostRows.Dot<TWidth, TVector>(q, k + (long)j * D, D);
                    sum = HostRows.Exp<TWidth, TVector>(p, HostRows.Max<TWidth, TVector>(p, keys), p, keys);
                }
                if (pattern != null)
                {
                    int real = Math.Max(keys, 0);
                    HostRows.Scale<TWidth, TVector>(1f / sum, p, real);
                    new Span<float>(p + real, capacity - real).Clear();
                    continue;
                }
                float* to = z + item * D;
                new Span<float>(to, D).Clear();
                for (int j = 0; j < keys; j++)
                    HostRows.AddScaled<TWidth, TVector>(p[j], vCache + (item * capacity + j) * D, to, D);
                if (keys > 0)
                    HostRows.Scale<TWidth, TVector>(1f / sum, to, D);
            }
        }
    }
}
