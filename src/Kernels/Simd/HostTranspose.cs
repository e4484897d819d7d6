using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadTap.Kernels;

/// <summary>Copies a matrix to its transpose on the calling thread.</summary>
static unsafe class HostTranspose
{
    /// <summary>
    /// Writes to[c * toRow + r] = from[r * fromRow + c] for all <paramref name="rows"/> r and
    /// <paramref name="columns"/> c.
    /// </summary>
    internal static void Copy(float* from, long fromRow, int rows, int columns, float* to, long toRow)
    {
        int r = 0;
        if (Avx.IsSupported)
            for (; r + 8 <= rows; r += 8)
            {
                float* row = from + r * fromRow;
                int c = 0;
                for (; c + 4 <= columns; c += 4)
                    EightByFour(row + c, fromRow, to + c * toRow + r, toRow);
                for (int k = 0; k < 8; k++)
                    CopyRow(row + k * fromRow, c, columns, to + r + k, toRow);
            }
        for (; r + 4 <= rows; r += 4)
        {
            // Four rows at once, because a store of one float costs as much as a store of four.
            float* a = from + r * fromRow, b = a + fromRow, d = b + fromRow, e = d + fromRow;
            for (int c = 0; c < columns; c++)
                Vector128.Create(a[c], b[c], d[c], e[c]).Store(to + c * toRow + r);
        }
        for (; r < rows; r++)
            CopyRow(from + r * fromRow, 0, columns, to + r, toRow);
    }

    static void CopyRow(float* row, int first, int end, float* to, long toRow)
    {
        for (int c = first; c < end; c++)
            to[c * toRow] = row[c];
    }

    // Rows four apart share a vector from the start, so no shuffle need cross its halves.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void EightByFour(float* from, long fromRow, float* to, long toRow)
    {
        float* lower = from + 4 * fromRow;
        Vector256<float> r0 = Pair(from, lower), r1 = Pair(from + fromRow, lower + fromRow);
        Vector256<float> r2 = Pair(from + 2 * fromRow, lower + 2 * fromRow);
        Vector256<float> r3 = Pair(from + 3 * fromRow, lower + 3 * fromRow);
        Vector256<double> a = Avx.UnpackLow(r0, r1).AsDouble(), b = Avx.UnpackHigh(r0, r1).AsDouble();
        Vector256<double> c = Avx.UnpackLow(r2, r3).AsDouble(), d = Avx.UnpackHigh(r2, r3).AsDouble();
        Avx.UnpackLow(a, c).AsSingle().Store(to);
        Avx.UnpackHigh(a, c).AsSingle().Store(to + toRow);
        Avx.UnpackLow(b, d).AsSingle().Store(to + 2 * toRow);
        Avx.UnpackHigh(b, d).AsSingle().Store(to + 3 * toRow);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<float> Pair(float* upper, float* lower)
        => Vector256.Create(Vector128.Load(upper), Vector128.Load(lower));
}
