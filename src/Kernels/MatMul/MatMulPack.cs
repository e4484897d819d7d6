using System.Runtime.Intrinsics;

namespace HeadTap.Kernels;

/// <summary>
/// Copies blocks of the operands into the order in which <see cref="MatMulTile"/> reads them.
/// </summary>
static unsafe class MatMulPack
{
    const int TermsAtOnce = 16; // rows of x read side by side: as many streams as the prefetcher follows

    /// <summary>
    /// Writes panel[t, c] = weight(t, c) for <paramref name="terms"/> terms and <paramref name="columns"/>
    /// columns, with zeros from there to the panel's width.
    /// </summary>
    internal static void Weight<TWidth, TVector>(
        float* weight, long wRow, long wColumn, int terms, int columns, float* panel, int width)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        if (columns < width)
            new Span<float>(panel, terms * width).Clear();
        if (wColumn == 1 && columns == width)
            CopyRows<TWidth, TVector>(weight, wRow, terms, panel, width);
        else if (wColumn == 1)
            for (int t = 0; t < terms; t++)
                new Span<float>(weight + t * wRow, columns)
                    .CopyTo(new Span<float>(panel + t * width, columns));
        else if (wRow == 1)
            HostTranspose.Copy(weight, wColumn, columns, terms, panel, width);
        else
            for (int c = 0; c < columns; c++)
                CopyColumn(weight + c * wColumn, wRow, 0, terms, panel + c, width);
    }

    /// <summary>
    /// Writes panels[i / tile, t, i % tile] = x(i, t) of an x whose rows are contiguous in i.
    /// </summary>
    internal static void Columns(float* x, long xColumn, int rows, int terms, float* panels, int tile)
    {
        for (int first = 0; first < terms; first += TermsAtOnce)
        {
            int end = Math.Min(terms, first + TermsAtOnce);
            int i = 0;
            for (; i + tile <= rows; i += tile)
            {
                float* to = panels + (long)i * terms;
                if (tile == 8)
                    for (int t = first; t < end; t++)
                        Vector256.Load(x + t * xColumn + i).Store(to + t * 8);
                else
                    for (int t = first; t < end; t++)
                        Vector128.Load(x + t * xColumn + i).Store(to + t * 4);
            }
            float* last = panels + (long)i * terms;
            for (int r = 0; i + r < rows; r++)
                CopyColumn(x + i + r, xColumn, first, end, last + r, tile);
        }
    }

    static void CopyRows<TWidth, TVector>(float* weight, long wRow, int terms, float* panel, int width)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        for (int t = 0; t < terms; t++, weight += wRow, panel += width)
            for (int c = 0; c < width; c += lanes)
                TWidth.Store(TWidth.Load(weight + c), panel + c);
    }

    static void CopyColumn(float* from, long stride, int first, int end, float* to, int width)
    {
        for (int t = first; t < end; t++)
            to[t * width] = from[t * stride];
    }
}
