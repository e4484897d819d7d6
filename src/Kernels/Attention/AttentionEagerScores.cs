// Scores, and the pattern from them, on the host; and back. Formulas and shapes as in AttentionEagerKernels.
// Sums over D run as in AttentionTile, so a pattern is made of the very scores that logSumExp was made of.

namespace HeadTap.Kernels;

/// <summary>Writes scores, or pattern where logSumExp is given.</summary>
readonly unsafe struct AttentionScoresHeads(
    float* qkv, int* lengths, float* logSumExp, float* scores, int T, int H, int D, float scale, int parts)
    : IHostBody
{
    public void Run<TWidth, TVector>(long first, long end)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        long stride = 3L * H * D;
        int padded = HostTile.RoundUp(T, 2 * TWidth.Lanes);
        for (long item = first; item < end; item++)
        {
            long head = item / parts;
            int length = Math.Clamp(lengths[head / H], 0, T);
            float* q = qkv + head / H * T * stride + head % H * D;
            float* panels = HostScratch.Floats(0, (long)padded * D);
            float* block = HostScratch.Floats(1, AttentionBlock.Rows * (D + padded));
            float* products = block + AttentionBlock.Rows * D;
            AttentionBlock.PackPanels<TWidth, TVector>(q + H * D, stride, length, D, panels);
            int step = parts * AttentionBlock.Rows;
            for (int i0 = (int)(item % parts) * AttentionBlock.Rows; i0 < T; i0 += step)
            {
                int real = Math.Clamp(length - i0, 0, AttentionBlock.Rows);
                HostTile.Pack(q + i0 * stride, stride, real, D, block, D, AttentionBlock.Rows);
                AttentionBlock.Products<TWidth, TVector>(
                    block, D, panels, real > 0 ? i0 + real : 0, D, products, padded);
                for (int i = i0; i < Math.Min(T, i0 + AttentionBlock.Rows); i++)
                    Finish<TWidth, TVector>(
                        products + (i - i0) * padded, head * T + i, i < length ? i + 1 : 0);
            }
        }
    }

    void Finish<TWidth, TVector>(float* products, long row, int keys)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        float* to = scores + row * T;
        TVector factor = TWidth.Create(scale);
        TVector shift = TWidth.Create(logSumExp == null ? 0f : -logSumExp[row]);
        for (int j = 0; j < keys; j += TWidth.Lanes) // the block's rows are whole vectors
        {
            TVector s = TWidth.MultiplyAdd(TWidth.Load(products + j), factor, shift);
            TWidth.Store(logSumExp == null ? s : HostSimd.Exp<TWidth, TVector>(s), products + j);
        }
        new Span<float>(products, keys).CopyTo(new Span<float>(to, keys));
        new Span<float>(to + keys, T - keys).Fill(logSumExp == null ? float.NegativeInfinity : 0f);
    }
}

/// <summary>Adds the gradients of q and k; entries of dScores after the query are ignored.</summary>
readonly unsafe struct AttentionScoresBackwardHeads(
    float* qkv, float* dScores, float* dQkv, int T, int H, int D, float scale) : IHostBody
{
    public void Run<TWidth, TVector>(long first, long end)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        const int Rows = AttentionBlock.Rows;
        long stride = 3L * H * D;
        int row = AttentionBlock.Row<TWidth, TVector>(D), padded = HostTile.RoundUp(T, HostTile.RowStep);
        for (long item = first; item < end; item++)
        {
            long q = item / H * T * stride + item % H * D;
            float* pairs = dScores + item * T * T;
            float* keys = HostScratch.Floats(0, (long)padded * row);
            float* dKeys = HostScratch.Floats(1, (long)padded * row);
            float* queries = HostScratch.Floats(2, Rows * (2L * row + padded));
            float* dQueries = queries + Rows * row;
            float* dS = dQueries + Rows * row;
            HostTile.Pack(qkv + q + H * D, stride, T, D, keys, row, padded);
            for (int j = 0; j < T; j++)
                AttentionBlock.DropUnused<TWidth, TVector>(keys + j * row, D,
                    pairs + (long)j * T + j, T, T - j);
            new Span<float>(dKeys, padded * row).Clear();
            for (int i0 = 0; i0 < T; i0 += Rows)
            {
                int count = Math.Min(Rows, T - i0), seen = HostTile.RoundUp(i0 + count, HostTile.RowStep);
                HostTile.Pack(qkv + q + i0 * stride, stride, count, D, queries, row, Rows);
                new Span<float>(dS, Rows * padded).Clear();
                for (int i = 0; i < count; i++)
                {
                    float* from = pairs + (long)(i0 + i) * T;
                    new Span<float>(from, i0 + i + 1).CopyTo(new Span<float>(dS + i * padded, i0 + i + 1));
                    HostRows.Scale<TWidth, TVector>(scale, dS + i * padded, i0 + i + 1);
                    AttentionBlock.DropUnused<TWidth, TVector>(queries + i * row, D, from, 1, i0 + i + 1);
                }
                HostTile.Multiply<TWidth, TVector>(
                    dS, padded, 1, keys, row, dQueries, row, Rows, row, seen, add: false);
                HostTile.Multiply<TWidth, TVector>(
                    dS, 1, padded, queries, row, dKeys, row, seen, row, Rows, add: true);
                for (int i = 0; i < count; i++)
                    HostRows.AddScaled<TWidth, TVector>(1f, dQueries + i * row,
                        dQkv + q + (i0 + i) * stride, D);
            }
            for (int j = 0; j < T; j++)
                HostRows.AddScaled<TWidth, TVector>(1f, dKeys + j * row, dQkv + q + H * D + j * stride, D);
        }
    }
}
