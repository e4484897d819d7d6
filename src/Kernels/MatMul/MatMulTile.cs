using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace HeadTap.Kernels;

/// <summary>The innermost product on the host: up to 8 rows by two vectors, all sums in registers.</summary>
static unsafe class MatMulTile
{
    /// <summary>Rows of y in a tile.</summary>
    internal static int Rows<TWidth, TVector>()
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
        => 8;

    /// <summary>Columns of y in a tile.</summary>
    internal static int Columns<TWidth, TVector>()
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
        => 2 * TWidth.Lanes;

    /// <summary>
    /// Sums K terms, k in order, for <paramref name="rows"/> rows and two vectors of columns, then writes
    /// them to y or adds them, and adds the bias.
    /// </summary>
    /// <param name="x">Element (i, k) at i xRow + k xStep.</param>
    /// <param name="xRow">Floats between rows.</param>
    /// <param name="xStep">Floats between terms.</param>
    /// <param name="rows">1 to 8.</param>
    /// <param name="panel">[K, 2 lanes]</param>
    /// <param name="K">Terms.</param>
    /// <param name="y">The tile's first element.</param>
    /// <param name="yRow">Floats between rows of y.</param>
    /// <param name="bias">[2 lanes], or null.</param>
    /// <param name="add">Adds into y.</param>
    internal static void Run<TWidth, TVector>(
        float* x, long xRow, long xStep, int rows, float* panel, int K, float* y,
        long yRow, float* bias, bool add)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        // Rows beyond the last repeat it: their sums are made and not stored.
        float* x0 = x, x1 = x + Math.Min(1, rows - 1) * xRow, x2 = x + Math.Min(2, rows - 1) * xRow;
        float* x3 = x + Math.Min(3, rows - 1) * xRow, x4 = x + Math.Min(4, rows - 1) * xRow;
        float* x5 = x + Math.Min(5, rows - 1) * xRow, x6 = x + Math.Min(6, rows - 1) * xRow;
        float* x7 = x + Math.Min(7, rows - 1) * xRow;
        if (Sse.IsSupported)
            for (float* to = y, last = y + rows * yRow; to != last; to += yRow)
            {
                Sse.Prefetch0(to);
                Sse.Prefetch0(to + lanes);
            }
        TVector zero = TWidth.Create(0f);
        TVector a0 = zero, b0 = zero, a1 = zero, b1 = zero, a2 = zero, b2 = zero, a3 = zero, b3 = zero;
        TVector a4 = zero, b4 = zero, a5 = zero, b5 = zero, a6 = zero, b6 = zero, a7 = zero, b7 = zero;
        float* end = panel + (long)K * 2 * lanes;
        for (long k = 0; panel < end; panel += 2 * lanes, k += xStep)
        {
            TVector wa = TWidth.Load(panel), wb = TWidth.Load(panel + lanes);
            TVector v = TWidth.Create(x0[k]);
            a0 = TWidth.MultiplyAdd(v, wa, a0);
            b0 = TWidth.MultiplyAdd(v, wb, b0);
            v = TWidth.Create(x1[k]);
            a1 = TWidth.MultiplyAdd(v, wa, a1);
            b1 = TWidth.MultiplyAdd(v, wb, b1);
            v = TWidth.Create(x2[k]);
            a2 = TWidth.MultiplyAdd(v, wa, a2);
            b2 = TWidth.MultiplyAdd(v, wb, b2);
            v = TWidth.Create(x3[k]);
            a3 = TWidth.MultiplyAdd(v, wa, a3);
            b3 = TWidth.MultiplyAdd(v, wb, b3);
            v = TWidth.Create(x4[k]);
            a4 = TWidth.MultiplyAdd(v, wa, a4);
            b4 = TWidth.MultiplyAdd(v, wb, b4);
            v = TWidth.Create(x5[k]);
            a5 = TWidth.MultiplyAdd(v, wa, a5);
            b5 = TWidth.MultiplyAdd(v, wb, b5);
            v = TWidth.Create(x6[k]);
            a6 = TWidth.MultiplyAdd(v, wa, a6);
            b6 = TWidth.MultiplyAdd(v, wb, b6);
            v = TWidth.Create(x7[k]);
            a7 = TWidth.MultiplyAdd(v, wa, a7);
            b7 = TWidth.MultiplyAdd(v, wb, b7);
        }
        StoreRow<TWidth, TVector>(a0, b0, y, bias, add);
        if (rows > 1)
            StoreRow<TWidth, TVector>(a1, b1, y + yRow, bias, add);
        if (rows > 2)
            StoreRow<TWidth, TVector>(a2, b2, y + 2 * yRow, bias, add);
        if (rows > 3)
            StoreRow<TWidth, TVector>(a3, b3, y + 3 * yRow, bias, add);
        if (rows > 4)
            StoreRow<TWidth, TVector>(a4, b4, y + 4 * yRow, bias, add);
        if (rows > 5)
            StoreRow<TWidth, TVector>(a5, b5, y + 5 * yRow, bias, add);
        if (rows > 6)
            StoreRow<TWidth, TVector>(a6, b6, y + 6 * yRow, bias, add);
        if (rows > 7)
            StoreRow<TWidth, TVector>(a7, b7, y + 7 * yRow, bias, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void StoreRow<TWidth, TVector>(TVector a, TVector b, float* y, float* bias, bool add)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        if (add)
        {
            a = TWidth.Add(TWidth.Load(y), a);
            b = TWidth.Add(TWidth.Load(y + lanes), b);
        }
        if (bias != null)
        {
            a = TWidth.Add(a, TWidth.Load(bias));
            b = TWidth.Add(b, TWidth.Load(bias + lanes));
        }
        TWidth.Store(a, y);
        TWidth.Store(b, y + lanes);
    }
}
