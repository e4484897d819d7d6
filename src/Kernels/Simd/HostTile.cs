// The product that attention is made of, on tiles that lie in cache:
//
//     to[a, w] (+)= sum_t left[a, t] * right[t, w]
//
//   left     element (a, t) at left[a * leftRow + t * leftStep], so a tile can be read by rows or by columns
//   right    element (t, w) at right[t * rightRow + w]
//   to       element (a, w) at to[a * toRow + w]
//
// Elements of left are broadcast, rows of right and to are vectors, and each element of to is one chain of
// fused multiply-adds over t in order. So its bits depend on nothing else in the tile, and not on the block
// that computes it.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadTap.Kernels;

/// <summary>Products of small tiles on the host.</summary>
static unsafe class HostTile
{
    /// <summary>Rows of the left operand and of the result are multiples of this.</summary>
    internal const int RowStep = 8;

    /// <summary>n rounded up to a multiple of step.</summary>
    internal static int RoundUp(int n, int step) => (n + step - 1) / step * step;

    /// <summary>Writes, or adds into, to. Rows: a multiple of RowStep; columns: of two vectors.</summary>
    internal static void Multiply<TWidth, TVector>(
        float* left, nint leftRow, nint leftStep, float* right, nint rightRow,
        float* to, nint toRow, int rows, int columns, int terms, bool add)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        for (int w = 0; w < columns; w += 2 * TWidth.Lanes)
        {
            float* from = left;
            float* into = to + w;
            if (TWidth.Lanes == 16)
                for (int a = 0; a < rows; a += 8, from += 8 * leftRow, into += 8 * toRow)
                    Eight<TWidth, TVector>(from, leftRow, leftStep, right + w, rightRow,
                        into, toRow, terms, add);
            else
                for (int a = 0; a < rows; a += 4, from += 4 * leftRow, into += 4 * toRow)
                    Four<TWidth, TVector>(from, leftRow, leftStep, right + w, rightRow,
                        into, toRow, terms, add);
        }
    }

    /// <summary>
    /// Copies rows of D floats to rows of <paramref name="toRow"/>, zeros between and after.
    /// </summary>
    internal static void Pack(float* from, long fromRow, int rows, int D, float* to,
        int toRow, int paddedRows)
    {
        for (int i = 0; i < rows; i++)
        {
            CopyRow(from + i * fromRow, D, to + (long)i * toRow);
            new Span<float>(to + (long)i * toRow + D, toRow - D).Clear();
        }
        new Span<float>(to + (long)rows * toRow, (paddedRows - rows) * toRow).Clear();
    }

    /// <summary>Copies a row of a head in a loop: for so few floats a call of memmove costs more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void CopyRow(float* from, int D, float* to)
    {
        int d = 0;
        for (; d + 8 <= D; d += 8)
            Vector256.Load(from + d).Store(to + d);
        for (; d < D; d++)
            to[d] = from[d];
    }

    /// <summary>
    /// Copies rows of D floats to columns: to[d, i] = from[i, d]; zeros in the columns after.
    /// </summary>
    internal static void PackTransposed(float* from, long fromRow, int rows, int D, float* to, int toRow)
    {
        if (rows < toRow)
            new Span<float>(to, D * toRow).Clear();
        HostTranspose.Copy(from, fromRow, rows, D, to, toRow);
    }

    /// <summary>
    /// The way back: to[i, d] = from[d, i] * factors[i]. Rows of <paramref name="from"/> are whole vectors,
    /// and scaled in place.
    /// </summary>
    internal static void UnpackTransposed<TWidth, TVector>(
        float* from, int fromRow, float* factors, int rows, int D, float* to, long stride)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        for (int lane = 0; lane < rows; lane += TWidth.Lanes)
        {
            TVector factor = TWidth.Load(factors + lane);
            for (int d = 0; d < D; d++)
            {
                float* at = from + d * fromRow + lane;
                TWidth.Store(TWidth.Multiply(TWidth.Load(at), factor), at);
            }
        }
        HostTranspose.Copy(from, fromRow, D, rows, to, stride);
    }

    // Sixteen sums, two vectors and one broadcast live in 19 of AVX-512's 32 registers.
    static void Eight<TWidth, TVector>(
        float* left, nint leftRow, nint leftStep, float* right, nint rightRow,
        float* to, nint toRow, int terms, bool add)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        nint lanes = TWidth.Lanes;
        TVector a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default;
        TVector a6 = default, a7 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        TVector b4 = default, b5 = default, b6 = default, b7 = default;
        if (add)
        {
            (a0, b0) = (TWidth.Load(to), TWidth.Load(to + lanes));
            (a1, b1) = (TWidth.Load(to + toRow), TWidth.Load(to + toRow + lanes));
            (a2, b2) = (TWidth.Load(to + 2 * toRow), TWidth.Load(to + 2 * toRow + lanes));
            (a3, b3) = (TWidth.Load(to + 3 * toRow), TWidth.Load(to + 3 * toRow + lanes));
            (a4, b4) = (TWidth.Load(to + 4 * toRow), TWidth.Load(to + 4 * toRow + lanes));
            (a5, b5) = (TWidth.Load(to + 5 * toRow), TWidth.Load(to + 5 * toRow + lanes));
            (a6, b6) = (TWidth.Load(to + 6 * toRow), TWidth.Load(to + 6 * toRow + lanes));
            (a7, b7) = (TWidth.Load(to + 7 * toRow), TWidth.Load(to + 7 * toRow + lanes));
        }
        nint r2 = 2 * leftRow, r3 = 3 * leftRow, r5 = 5 * leftRow;
        for (int t = 0; t < terms; t++)
        {
            TVector x = TWidth.Load(right), y = TWidth.Load(right + lanes);
            float* upper = left + r2;
            Pair<TWidth, TVector>(left[0], x, y, ref a0, ref b0);
            Pair<TWidth, TVector>(left[leftRow], x, y, ref a1, ref b1);
            Pair<TWidth, TVector>(left[r2], x, y, ref a2, ref b2);
            Pair<TWidth, TVector>(left[r3], x, y, ref a3, ref b3);
            Pair<TWidth, TVector>(upper[r2], x, y, ref a4, ref b4);
            Pair<TWidth, TVector>(upper[r3], x, y, ref a5, ref b5);
            Pair<TWidth, TVector>(left[2 * r3], x, y, ref a6, ref b6);
            Pair<TWidth, TVector>(upper[r5], x, y, ref a7, ref b7);
            left += leftStep;
            right += rightRow;
        }
        Store<TWidth, TVector>(to, a0, b0);
        Store<TWidth, TVector>(to + toRow, a1, b1);
        Store<TWidth, TVector>(to + 2 * toRow, a2, b2);
        Store<TWidth, TVector>(to + 3 * toRow, a3, b3);
        Store<TWidth, TVector>(to + 4 * toRow, a4, b4);
        Store<TWidth, TVector>(to + 5 * toRow, a5, b5);
        Store<TWidth, TVector>(to + 6 * toRow, a6, b6);
        Store<TWidth, TVector>(to + 7 * toRow, a7, b7);
    }

    // Eight sums, two vectors and one broadcast: AVX2 has 16 registers.
    static void Four<TWidth, TVector>(
        float* left, nint leftRow, nint leftStep, float* right, nint rightRow,
        float* to, nint toRow, int terms, bool add)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        nint lanes = TWidth.Lanes;
        TVector a0 = default, a1 = default, a2 = default, a3 = default;
        TVector b0 = default, b1 = default, b2 = default, b3 = default;
        if (add)
        {
            (a0, b0) = (TWidth.Load(to), TWidth.Load(to + lanes));
            (a1, b1) = (TWidth.Load(to + toRow), TWidth.Load(to + toRow + lanes));
            (a2, b2) = (TWidth.Load(to + 2 * toRow), TWidth.Load(to + 2 * toRow + lanes));
            (a3, b3) = (TWidth.Load(to + 3 * toRow), TWidth.Load(to + 3 * toRow + lanes));
        }
        for (int t = 0; t < terms; t++)
        {
            TVector x = TWidth.Load(right), y = TWidth.Load(right + lanes);
            Pair<TWidth, TVector>(left[0], x, y, ref a0, ref b0);
            Pair<TWidth, TVector>(left[leftRow], x, y, ref a1, ref b1);
            Pair<TWidth, TVector>(left[2 * leftRow], x, y, ref a2, ref b2);
            Pair<TWidth, TVector>(left[3 * leftRow], x, y, ref a3, ref b3);
            left += leftStep;
            right += rightRow;
        }
        Store<TWidth, TVector>(to, a0, b0);
        Store<TWidth, TVector>(to + toRow, a1, b1);
        Store<TWidth, TVector>(to + 2 * toRow, a2, b2);
        Store<TWidth, TVector>(to + 3 * toRow, a3, b3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Pair<TWidth, TVector>(float left, TVector x, TVector y, ref TVector a, ref TVector b)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        TVector l = TWidth.Create(left);
        a = TWidth.MultiplyAdd(l, x, a);
        b = TWidth.MultiplyAdd(l, y, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store<TWidth, TVector>(float* to, TVector a, TVector b)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        TWidth.Store(a, to);
        TWidth.Store(b, to + TWidth.Lanes);
    }
}
