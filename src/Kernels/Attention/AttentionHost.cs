// Causal self-attention on the host; formulas and shapes as in AttentionKernels.
//
// Vectors run across queries: a tile of two vectors of queries is transposed once, and then scores, softmax
// and mix read keys and values one float at a time. So no head size needs a special case, the softmax of a
// row needs no sum across lanes, and a query's bits do not depend on its neighbours, on T or on threads.

namespace HeadTap.Kernels;

/// <summary>Causal self-attention on the host.</summary>
public static unsafe class AttentionHost
{
    internal const int KeyTile = 64; // a tile of keys, values and scores of 64 columns fits a 32 KiB cache

    const int ItemsPerThread = 4; // items of a thread differ by one tile of queries at most

    /// <summary>Writes z and logSumExp. One item is every n-th tile of queries of a head.</summary>
    public static void Forward(
        float* qkv, int* lengths, float* z, float* logSumExp, int B, int T, int H, int D, float scale)
    {
        int parts = Math.Clamp(ItemsPerThread * HostThreads.Count / (B * H), 1, (T + KeyTile - 1) / KeyTile);
        HostSimd.Ranges((long)B * H * parts, 1,
            new Heads(qkv, lengths, z, logSumExp, T, H, D, scale, parts));
    }

    readonly struct Heads(
        float* qkv, int* lengths, float* z, float* logSumExp, int T, int H, int D, float scale, int parts)
        : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long item = first; item < end; item++)
            {
                long head = item / parts, row = head / H * T;
                int length = Math.Clamp(lengths[head / H], 0, T);
                float* q = qkv + row * 3 * H * D + head % H * D;
                var tile = new AttentionTile<TWidth, TVector>(D, length, scale);
                tile.LoadKeys(q + H * D, q + 2 * H * D, 3L * H * D);
                int step = AttentionTile<TWidth, TVector>.Queries;
                for (int q0 = (int)(item % parts) * step; q0 < T; q0 += parts * step)
                {
                    int real = Math.Clamp(length - q0, 0, step);
                    if (real > 0)
                        tile.Attend(q + q0 * 3L * H * D, 3L * H * D, q0, real);
                    tile.Store(z + (row + q0) * H * D + head % H * D, H * D,
                        logSumExp + head * T + q0, real, Math.Min(step, T - q0));
                }
            }
        }
    }
}
