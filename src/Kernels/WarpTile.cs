// fields: kernels take these structures apart and put them together, register by register
#pragma warning disable CA1051

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Right fragments of 64 columns, eight columns each.</summary>
struct WarpColumns
{
    public RightFragment N0, N1, N2, N3, N4, N5, N6, N7;

    /// <summary>From fragments that hold 16 columns as a left operand holds 16 rows.</summary>
    public WarpColumns(LeftFragment a, LeftFragment b, LeftFragment c, LeftFragment d)
    {
        (N0, N1) = (First(a), Second(a));
        (N2, N3) = (First(b), Second(b));
        (N4, N5) = (First(c), Second(c));
        (N6, N7) = (First(d), Second(d));
    }

    static RightFragment First(LeftFragment f) => new() { R0 = f.R0, R1 = f.R2 };

    static RightFragment Second(LeftFragment f) => new() { R0 = f.R1, R1 = f.R3 };
}

/// <summary>Sums of 16 rows by 64 columns.</summary>
struct WarpRow
{
    public SumFragment N0, N1, N2, N3, N4, N5, N6, N7;

    /// <summary>Adds the product of one left fragment with 64 columns.</summary>
    public static WarpRow Add<TCores, TNumber>(LeftFragment a, WarpColumns b, WarpRow s)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
    {
        s.N0 = TNumber.Multiply<TCores>(a, b.N0, s.N0);
        s.N1 = TNumber.Multiply<TCores>(a, b.N1, s.N1);
        s.N2 = TNumber.Multiply<TCores>(a, b.N2, s.N2);
        s.N3 = TNumber.Multiply<TCores>(a, b.N3, s.N3);
        s.N4 = TNumber.Multiply<TCores>(a, b.N4, s.N4);
        s.N5 = TNumber.Multiply<TCores>(a, b.N5, s.N5);
        s.N6 = TNumber.Multiply<TCores>(a, b.N6, s.N6);
        s.N7 = TNumber.Multiply<TCores>(a, b.N7, s.N7);
        return s;
    }
}

/// <summary>Sums of 64 rows by 64 columns: what one warp makes, 128 registers a lane.</summary>
struct WarpTile
{
    public WarpRow M0, M1, M2, M3;

    /// <summary>
    /// Stores all of it; (row, column) is its corner in y. Sums go through 1024 words of shared memory a
    /// warp, 16 rows at a time, so that neighbouring lanes store neighbouring columns; all warps of the group
    /// call together.
    /// </summary>
    public readonly void Store(
        ArrayView<float> shared, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y,
        in MatMulShape s, in MatMulEpilogue e, int row, int column)
    {
        StoreRow(shared, bias, residual, y, s, e, row, column, M0);
        StoreRow(shared, bias, residual, y, s, e, row + 16, column, M1);
        StoreRow(shared, bias, residual, y, s, e, row + 32, column, M2);
        StoreRow(shared, bias, residual, y, s, e, row + 48, column, M3);
    }

    static void StoreRow(
        ArrayView<float> shared, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y,
        in MatMulShape s, in MatMulEpilogue e, int row, int column, WarpRow r)
    {
        int mine = Group.IdxX >> 5 << 10;
        Group.Barrier(); // everyone is done with what these words held
        Put(shared, mine, 0, r.N0);
        Put(shared, mine, 8, r.N1);
        Put(shared, mine, 16, r.N2);
        Put(shared, mine, 24, r.N3);
        Put(shared, mine, 32, r.N4);
        Put(shared, mine, 40, r.N5);
        Put(shared, mine, 48, r.N6);
        Put(shared, mine, 56, r.N7);
        Group.Barrier(); // the 16 rows are complete
        for (int at = Group.IdxX & 31; at < 1024; at += Group.DimX >> 2) // four warps a group
            e.Store(bias, residual, y, s, row + (at >> 6), column + (at & 63),
                shared[mine + Exchanged(at >> 6, at & 63)]);
    }

    static void Put(ArrayView<float> shared, int mine, int column, SumFragment c)
    {
        int g = (Group.IdxX & 31) >> 2, at = column + ((Group.IdxX & 3) << 1);
        shared[mine + Exchanged(g, at)] = c.C0;
        shared[mine + Exchanged(g, at + 1)] = c.C1;
        shared[mine + Exchanged(g + 8, at)] = c.C2;
        shared[mine + Exchanged(g + 8, at + 1)] = c.C3;
    }

    // Rows of 64 words begin in one bank; four of them are moved to four different ones.
    static int Exchanged(int row, int column) => (row << 6) + (column ^ ((row & 3) << 3));
}
