// The mix of values by a pattern on the host, and back; formulas and shapes as in AttentionEagerKernels.

namespace HeadTap.Kernels;

/// <summary>Writes z.</summary>
readonly unsafe struct AttentionMixHeads(float* pattern, float* qkv, float* z, int T, int H, int D, int parts)
    : IHostBody
{
    public void Run<TWidth, TVector>(long first, long end)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        const int Rows = AttentionBlock.Rows;
        int C = H * D, row = AttentionBlock.Row<TWidth, TVector>(D);
        for (long item = first; item < end; item++)
        {
            long head = item / parts, rows = head / H * T;
            float* pairs = pattern + head * T * T;
            float* values = HostScratch.Floats(0, (long)T * row);
            float* mix = HostScratch.Floats(1, Rows * (row + T));
            float* p = mix + Rows * row;
            HostTile.Pack(qkv + rows * 3 * C + 2 * C + head % H * D, 3 * C, T, D, values, row, T);
            for (int j = 0; j < T; j++)
                AttentionBlock.DropUnused<TWidth, TVector>(values + j * row, D, pairs + j, T, T);
            for (int i0 = (int)(item % parts) * Rows; i0 < T; i0 += parts * Rows)
            {
                int count = Math.Min(Rows, T - i0), last = LastUsed(pairs + (long)i0 * T, count);
                HostTile.Pack(pairs + (long)i0 * T, T, count, T, p, T, Rows);
                HostTile.Multiply<TWidth, TVector>(p, T, 1, values, row, mix, row,
                    Rows, row, last, add: false);
                for (int i = 0; i < count; i++)
                    new Span<float>(mix + i * row, D).CopyTo(
                        new Span<float>(z + (rows + i0 + i) * C + head % H * D, D));
            }
        }
    }

    // Keys after the last one that any query of the block sees: half of all work on a causal pattern.
    int LastUsed(float* pairs, int count)
    {
        int last = 0;
        for (int i = 0; i < count; i++)
            last = Math.Max(last, new Span<float>(pairs + (long)i * T, T).LastIndexOfAnyExcept(0f) + 1);
        return last;
    }
}

/// <summary>Writes dPattern and adds the gradient of v.</summary>
readonly unsafe struct AttentionMixBackwardHeads(
    float* pattern, float* qkv, float* dZ, float* dPattern, float* dQkv, int T, int H, int D) : IHostBody
{
    public void Run<TWidth, TVector>(long first, long end)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        const int Rows = AttentionBlock.Rows;
        int C = H * D, row = AttentionBlock.Row<TWidth, TVector>(D);
        int padded = HostTile.RoundUp(T, 2 * TWidth.Lanes);
        for (long item = first; item < end; item++)
        {
            long rows = item / H * T, v = rows * 3 * C + 2 * C + item % H * D;
            float* panels = HostScratch.Floats(0, (long)padded * D);
            float* dValues = HostScratch.Floats(1, (long)padded * row);
            float* dMix = HostScratch.Floats(2, Rows * ((long)row + padded));
            float* pairs = dMix + Rows * row; // first p, then dP
            AttentionBlock.PackPanels<TWidth, TVector>(qkv + v, 3 * C, T, D, panels);
            new Span<float>(dValues, padded * row).Clear();
            for (int i0 = 0; i0 < T; i0 += Rows)
            {
                int count = Math.Min(Rows, T - i0);
                long at = (item * T + i0) * T;
                float* dz = dZ + (rows + i0) * C + item % H * D;
                HostTile.Pack(dz, C, count, D, dMix, row, Rows);
                for (int i = 0; i < count; i++)
                    AttentionBlock.DropUnused<TWidth, TVector>(dMix + i * row, D,
                        pattern + at + (long)i * T, 1, T);
                HostTile.Pack(pattern + at, T, count, T, pairs, padded, Rows);
                HostTile.Multiply<TWidth, TVector>(
                    pairs, 1, padded, dMix, row, dValues, row, padded, row, Rows, add: true);
                HostTile.Pack(dz, C, count, D, dMix, row, Rows);
                AttentionBlock.Products<TWidth, TVector>(dMix, row, panels, T, D, pairs, padded);
                for (int i = 0; i < count; i++)
                    new Span<float>(pairs + i * padded, T)
                        .CopyTo(new Span<float>(dPattern + at + (long)i * T, T));
            }
            for (int j = 0; j < T; j++)
                HostRows.AddScaled<TWidth, TVector>(1f, dValues + j * row, dQkv + v + j * 3L * C, D);
        }
    }
}
