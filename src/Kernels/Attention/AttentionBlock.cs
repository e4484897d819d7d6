// What the step-by-step bodies of attention share: blocks of 16 queries, and a head's packed rows.

namespace HeadTap.Kernels;

/// <summary>Packing for <see cref="AttentionEagerHost"/>.</summary>
static unsafe class AttentionBlock
{
    /// <summary>Queries of a block.</summary>
    internal const int Rows = 16;

    /// <summary>Columns of a packed row: D rounded up to two vectors.</summary>
    internal static int Row<TWidth, TVector>(int D)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
        => HostTile.RoundUp(D, 2 * TWidth.Lanes);

    /// <summary>
    /// The head's keys (or values) for products along queries: panels of two vectors of keys, each [D, 2
    /// lanes].
    /// </summary>
    internal static void PackPanels<TWidth, TVector>(float* from, long stride, int count, int D, float* to)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int width = 2 * TWidth.Lanes;
        for (int j = 0; j < count; j += width)
            HostTile.PackTransposed(from + j * stride, stride, Math.Min(width, count - j), D,
                to + (long)j * D, width);
    }

    /// <summary>
    /// Products of a block of 16 packed queries with the first <paramref name="count"/> keys of the panels.
    /// </summary>
    internal static void Products<TWidth, TVector>(
        float* queries, int queryRow, float* panels, int count, int D, float* to, int toRow)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int width = 2 * TWidth.Lanes;
        for (int j = 0; j < count; j += width)
            HostTile.Multiply<TWidth, TVector>(
                queries, queryRow, 1, panels + (long)j * D, width, to + j, toRow, Rows, width, D, add: false);
    }

    /// <summary>
    /// Puts zeros for a packed row that is not finite and that every weight in <paramref name="weights"/>
    /// skips: padding may hold anything.
    /// </summary>
    internal static void DropUnused<TWidth, TVector>(
        float* row, int D, float* weights, long step, int count)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        if (HostRows.IsFinite<TWidth, TVector>(row, D))
            return;
        for (int n = 0; n < count; n++)
            if (weights[n * step] != 0f)
                return;
        new Span<float>(row, D).Clear();
    }
}
