// Packed tokens over cache rows of their own, on the host; formulas and shapes as in AttentionPackedKernels.
//
// Forward goes by runs: neighbouring tokens of one cache row at neighbouring positions. A run's keys and
// values are packed once and its queries go through AttentionTile, where a query's bits do not depend on its
// neighbours, on where a tile begins or on keys behind it. So they are the bits that AttentionHost gives the
// token in a whole row, however a text is cut into runs. ForwardOne takes each token alone, as
// AttentionCacheHost does, and has that one's bits: for a single query a tile of vectors would idle.
// Ops has checked that every token with a position stands inside the caches.

namespace HeadTap.Kernels;

/// <summary>Packed tokens over cache rows of their own, on the host.</summary>
public static unsafe class AttentionPackedHost
{
    const int FloatsPerCopy = 1 << 15; // of k: some 10 microseconds of work

    const int ItemsPerThread = 4; // items of a run differ by one tile of queries at most

    const int RunsSlot = 3; // of HostScratch, behind those of AttentionTile

    /// <summary>Copies k and v of the tokens to their places.</summary>
    public static void Write(
        float* qkv, int* rows, int* positions, float* kCache, float* vCache,
        int N, int H, int D, int capacity)
    {
        int C = H * D;
        HostThreads.Ranges(N, Math.Max(1, FloatsPerCopy / C), (first, end) =>
        {
            for (long n = first; n < end; n++)
            {
                if (positions[n] < 0)
                    continue;
                for (int head = 0; head < H; head++)
                {
                    long at = (((long)rows[n] * H + head) * capacity + positions[n]) * D;
                    AttentionCacheHost.CopyToken(
                        qkv + n * 3 * C + C + head * D, kCache + at, vCache + at, C, D);
                }
            }
        });
    }

    /// <summary>Writes z, with the bits of <see cref="AttentionHost"/>.</summary>
    public static void Forward(
        float* qkv, int* rows, int* positions, float* kCache, float* vCache, float* z,
        int N, int H, int D, int capacity, float scale)
    {
        int* runs = (int*)HostScratch.Floats(RunsSlot, 2L * N);
        int count = 0, longest = 0;
        for (int n = 0; n < N;)
        {
            int end = EndOfRun(rows, positions, n, N);
            if (end == n)
            {
                new Span<float>(z + (long)n * H * D, H * D).Clear();
                n++;
                continue;
            }
            (runs[2 * count], runs[2 * count + 1]) = (n, end - n);
            count++;
            longest = Math.Max(longest, end - n);
            n = end;
        }
        if (count == 0)
            return;
        int parts = (int)Math.Clamp(ItemsPerThread * HostThreads.Count / ((long)count * H), 1,
            (longest + AttentionHost.KeyTile - 1) / AttentionHost.KeyTile);
        HostSimd.Ranges((long)count * H * parts, 1,
            new Runs(qkv, rows, positions, kCache, vCache, z, runs, H, D, capacity, scale, parts));
    }

    /// <summary>Writes z, with the bits of <see cref="AttentionCacheHost"/>.</summary>
    public static void ForwardOne(
        float* qkv, int* rows, int* positions, float* kCache, float* vCache, float* z,
        int N, int H, int D, int capacity, float scale)
        => HostSimd.Ranges((long)N * H, AttentionCacheHost.HeadsPerItem(positions, N, D),
            new Heads(qkv, rows, positions, kCache, vCache, z, H, D, capacity, scale));

    // Where the run that begins with token n ends; n itself where no token stands there.
    static int EndOfRun(int* rows, int* positions, int n, int N)
    {
        int end = n;
        while (end < N && positions[end] >= 0
            && rows[end] == rows[n] && positions[end] - positions[n] == end - n)
            end++;
        return end;
    }

    readonly struct Runs(
        float* qkv, int* rows, int* positions, float* kCache, float* vCache, float* z, int* runs,
        int H, int D, int capacity, float scale, int parts) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int step = AttentionTile<TWidth, TVector>.Queries, C = H * D;
            float* logSumExp = stackalloc float[step]; // of no use here
            for (long item = first; item < end; item++)
            {
                long run = item / parts / H, head = item / parts % H;
                int begin = runs[2 * run], tokens = runs[2 * run + 1], start = positions[begin];
                int t = (int)(item % parts) * step;
                if (t >= tokens)
                    continue;
                long cache = (rows[begin] * (long)H + head) * capacity * D;
                var tile = new AttentionTile<TWidth, TVector>(D, start + tokens, scale);
                tile.LoadKeys(kCache + cache, vCache + cache, D);
                for (; t < tokens; t += parts * step)
                {
                    int real = Math.Min(step, tokens - t);
                    long token = begin + t;
                    tile.Attend(qkv + token * 3 * C + head * D, 3L * C, start + t, real);
                    tile.Store(z + token * C + head * D, C, logSumExp, real, real);
                }
            }
        }
    }

    readonly struct Heads(
        float* qkv, int* rows, int* positions, float* kCache, float* vCache, float* z,
        int H, int D, int capacity, float scale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            float* p = HostScratch.Floats(0, capacity);
            for (long item = first; item < end; item++)
            {
                long n = item / H, head = item % H;
                int keys = Math.Max(0, positions[n] + 1);
                long cache = keys > 0 ? (rows[n] * (long)H + head) * capacity * D : 0;
                float* q = qkv + n * 3 * H * D + head * D;
                float sum = AttentionCacheHost.Weights<TWidth, TVector>(q, kCache + cache, p, keys, D, scale);
                AttentionCacheHost.Mix<TWidth, TVector>(p, sum, vCache + cache, z + item * D, keys, D);
            }
        }
    }
}
