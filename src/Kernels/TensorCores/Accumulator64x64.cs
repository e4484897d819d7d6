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

    /// <summary>From a tile of floats, 8 terms as TF32.</summary>
    public static WarpColumns Tf32<TCores, TLayout>(
        ArrayView<float> shared, int origin, int tile, int column, int term)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
        => new(
            OperandTile.Tf32<TCores, TLayout>(shared, origin, tile, column, term),
            OperandTile.Tf32<TCores, TLayout>(shared, origin, tile, column + 16, term),
            OperandTile.Tf32<TCores, TLayout>(shared, origin, tile, column + 32, term),
            OperandTile.Tf32<TCores, TLayout>(shared, origin, tile, column + 48, term));

    /// <summary>From a tile of BF16 pairs, all 16 terms.</summary>
    public static WarpColumns Bf16<TCores, TLayout>(
        ArrayView<float> shared, int origin, int tile, int column)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
        => new(
            OperandTile.Bf16<TCores, TLayout>(shared, origin, tile, column),
            OperandTile.Bf16<TCores, TLayout>(shared, origin, tile, column + 16),
            OperandTile.Bf16<TCores, TLayout>(shared, origin, tile, column + 32),
            OperandTile.Bf16<TCores, TLayout>(shared, origin, tile, column + 48));

    static RightFragment First(LeftFragment f) => new() { R0 = f.R0, R1 = f.R2 };

    static RightFragment Second(LeftFragment f) => new() { R0 = f.R1, R1 = f.R3 };
}

/// <summary>The sums that a warp makes of a group's tile.</summary>
interface IWarpSums<TSelf> where TSelf : struct, IWarpSums<TSelf>
{
    /// <summary>This warp's first row in the tile.</summary>
    static abstract int Row { get; }

    /// <summary>This warp's first column in the tile.</summary>
    static abstract int Column { get; }

    /// <summary>Adds eight terms, from <paramref name="term"/> on, of a stage of floats.</summary>
    static abstract TSelf PlusTf32<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, int term, TSelf s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout;

    /// <summary>Adds the sixteen terms of a stage of BF16 pairs.</summary>
    static abstract TSelf PlusBf16<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, TSelf s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout;

    /// <summary>
    /// Stores all of it; (row, column) is its corner in y. Sums go through 1024 words of shared memory a
    /// warp, 16 rows at a time, so that neighbouring lanes store neighbouring columns; all warps of the group
    /// call together.
    /// </summary>
    void Store(
        ArrayView<float> shared, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y,
        in MatMulShape s, in MatMulEpilogue e, int row, int column);
}

/// <summary>Sums of 16 rows by 64 columns: four warps make a tile of 64 x 64.</summary>
struct WarpRow : IWarpSums<WarpRow>
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

    public static int Row => Group.IdxX >> 5 << 4;

    public static int Column => 0;

    public static WarpRow PlusTf32<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, int term, WarpRow s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
        => Add<TCores, Tf32Number>(OperandTile.Tf32<TCores, TX>(shared, origin, stage, row, term),
            WarpColumns.Tf32<TCores, TWeight>(
                shared, origin, stage + OperandTile.FloatWords<TX>(), column, term), s);

    public static WarpRow PlusBf16<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, WarpRow s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
        => Add<TCores, Bf16Number>(OperandTile.Bf16<TCores, TX>(shared, origin, stage, row),
            WarpColumns.Bf16<TCores, TWeight>(
                shared, origin, stage + OperandTile.PairWords<TX>(), column), s);

    public readonly void Store(
        ArrayView<float> shared, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y,
        in MatMulShape s, in MatMulEpilogue e, int row, int column)
    {
        int mine = Group.IdxX >> 5 << 10;
        Group.Barrier(); // everyone is done with what these words held
        Put(shared, mine, 0, N0);
        Put(shared, mine, 8, N1);
        Put(shared, mine, 16, N2);
        Put(shared, mine, 24, N3);
        Put(shared, mine, 32, N4);
        Put(shared, mine, 40, N5);
        Put(shared, mine, 48, N6);
        Put(shared, mine, 56, N7);
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

/// <summary>Sums of 64 rows by 64 columns: what one warp makes, 128 registers a lane.</summary>
struct WarpTile : IWarpSums<WarpTile>
{
    public WarpRow M0, M1, M2, M3;

    public static int Row => Group.IdxX >> 6 << 6;

    public static int Column => (Group.IdxX >> 5 & 1) << 6;

    public static WarpTile PlusTf32<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, int term, WarpTile s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        var b = WarpColumns.Tf32<TCores, TWeight>(
            shared, origin, stage + OperandTile.FloatWords<TX>(), column, term);
        s.M0 = WarpRow.Add<TCores, Tf32Number>(
            OperandTile.Tf32<TCores, TX>(shared, origin, stage, row, term), b, s.M0);
        s.M1 = WarpRow.Add<TCores, Tf32Number>(
            OperandTile.Tf32<TCores, TX>(shared, origin, stage, row + 16, term), b, s.M1);
        s.M2 = WarpRow.Add<TCores, Tf32Number>(
            OperandTile.Tf32<TCores, TX>(shared, origin, stage, row + 32, term), b, s.M2);
        s.M3 = WarpRow.Add<TCores, Tf32Number>(
            OperandTile.Tf32<TCores, TX>(shared, origin, stage, row + 48, term), b, s.M3);
        return s;
    }

    public static WarpTile PlusBf16<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, WarpTile s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        var b = WarpColumns.Bf16<TCores, TWeight>(
            shared, origin, stage + OperandTile.PairWords<TX>(), column);
        s.M0 = WarpRow.Add<TCores, Bf16Number>(
            OperandTile.Bf16<TCores, TX>(shared, origin, stage, row), b, s.M0);
        s.M1 = WarpRow.Add<TCores, Bf16Number>(
            OperandTile.Bf16<TCores, TX>(shared, origin, stage, row + 16), b, s.M1);
        s.M2 = WarpRow.Add<TCores, Bf16Number>(
            OperandTile.Bf16<TCores, TX>(shared, origin, stage, row + 32), b, s.M2);
        s.M3 = WarpRow.Add<TCores, Bf16Number>(
            OperandTile.Bf16<TCores, TX>(shared, origin, stage, row + 48), b, s.M3);
        return s;
    }

    public readonly void Store(
        ArrayView<float> shared, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y,
        in MatMulShape s, in MatMulEpilogue e, int row, int column)
    {
        M0.Store(shared, bias, residual, y, s, e, row, column);
        M1.Store(shared, bias, residual, y, s, e, row + 16, column);
        M2.Store(shared, bias, residual, y, s, e, row + 32, column);
        M3.Store(shared, bias, residual, y, s, e, row + 48, column);
    }
}
