// Gradients of causal self-attention on the host; formulas and shapes as in AttentionBackwardKernels, tiles
// as in AttentionTile: vectors run across queries, except in dK and dV, where they run across columns.

namespace HeadTap.Kernels;

/// <summary>Gradients of <see cref="AttentionHost"/>.</summary>
public static unsafe class AttentionBackwardHost
{
    /// <summary>
    /// Writes dQkv. One item is a head of a row of the batch, so no two items add into one place.
    /// </summary>
    public static void Backward(
        float* qkv, int* lengths, float* z, float* logSumExp, float* dZ, float* dQkv,
        int B, int T, int H, int D, float scale)
        => HostSimd.Ranges((long)B * H, 1,
            new Heads(qkv, lengths, z, logSumExp, dZ, dQkv, T, H, D, scale));

    readonly struct Heads(
        float* qkv, int* lengths, float* z, float* logSumExp, float* dZ, float* dQkv,
        int T, int H, int D, float scale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int C = H * D, step = AttentionTile<TWidth, TVector>.Queries;
            long stride = 3L * C;
            for (long item = first; item < end; item++)
            {
                long row = item / H * T, column = item % H * D;
                int length = Math.Clamp(lengths[item / H], 0, T);
                float* q = qkv + row * stride + column;
                float* dQ = dQkv + row * stride + column;
                var tile = new AttentionBackwardTile<TWidth, TVector>(D, length, scale);
                tile.LoadKeys(q + C, q + 2 * C, stride);
                for (int q0 = 0; q0 < length; q0 += step)
                {
                    int real = Math.Min(step, length - q0);
                    long at = (row + q0) * C + column;
                    tile.LoadQueries(q + q0 * stride, stride, dZ + at, z + at, C,
                        logSumExp + item * T + q0, q0, real);
                    tile.Differentiate(q0, real);
                    tile.StoreQueries(dQ + q0 * stride, stride, real);
                }
                tile.StoreKeys(dQ + C, dQ + 2 * C, stride);
                for (int t = length; t < T; t++)
                    for (int part = 0; part < 3; part++)
                        new Span<float>(dQ + t * stride + part * C, D).Clear();
            }
        }
    }
}
