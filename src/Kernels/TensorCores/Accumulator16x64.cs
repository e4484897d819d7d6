// fields: kernels take these structures apart and put them together, register by register
#pragma warning disable CA1051

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// A warp's sums of 16 rows by 64 columns; four warps make a tile of 64 x 64. Each fragment holds eight
/// columns. Of those a lane has two, 2t and 2t + 1, in two rows: its own (C0, C1) and the one eight below
/// (C2, C3).
/// </summary>
partial struct Accumulator16x64 : IAccumulator<Accumulator16x64>
{
    public SumFragment N0, N1, N2, N3, N4, N5, N6, N7;

    /// <summary>Adds the product of one left fragment with 64 columns.</summary>
    public static Accumulator16x64 Add<TCores, TNumber>(LeftFragment a, WarpColumns b, Accumulator16x64 s)
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

    public static Accumulator16x64 PlusTf32<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, int term, Accumulator16x64 s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
        => Add<TCores, Tf32Number>(OperandTile.Tf32<TCores, TX>(shared, origin, stage, row, term),
            WarpColumns.Tf32<TCores, TWeight>(
                shared, origin, stage + OperandTile.FloatWords<TX>(), column, term), s);

    public static Accumulator16x64 PlusBf16<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, Accumulator16x64 s)
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
