// fields: kernels take these structures apart and put them together, register by register
#pragma warning disable CA1051

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Sums of 64 rows by 64 columns: what one warp makes, 128 registers a lane.</summary>
struct Accumulator64x64 : IAccumulator<Accumulator64x64>
{
    public Accumulator16x64 M0, M1, M2, M3;

    public static int Row => Group.IdxX >> 6 << 6;

    public static int Column => (Group.IdxX >> 5 & 1) << 6;

    public static Accumulator64x64 PlusTf32<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, int term, Accumulator64x64 s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        var b = WarpColumns.Tf32<TCores, TWeight>(
            shared, origin, stage + OperandTile.FloatWords<TX>(), column, term);
        s.M0 = Accumulator16x64.Add<TCores, Tf32Number>(
            OperandTile.Tf32<TCores, TX>(shared, origin, stage, row, term), b, s.M0);
        s.M1 = Accumulator16x64.Add<TCores, Tf32Number>(
            OperandTile.Tf32<TCores, TX>(shared, origin, stage, row + 16, term), b, s.M1);
        s.M2 = Accumulator16x64.Add<TCores, Tf32Number>(
            OperandTile.Tf32<TCores, TX>(shared, origin, stage, row + 32, term), b, s.M2);
        s.M3 = Accumulator16x64.Add<TCores, Tf32Number>(
            OperandTile.Tf32<TCores, TX>(shared, origin, stage, row + 48, term), b, s.M3);
        return s;
    }

    public static Accumulator64x64 PlusBf16<TCores, TX, TWeight>(
        ArrayView<float> shared, int origin, int stage, int row, int column, Accumulator64x64 s)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        var b = WarpColumns.Bf16<TCores, TWeight>(
            shared, origin, stage + OperandTile.PairWords<TX>(), column);
        s.M0 = Accumulator16x64.Add<TCores, Bf16Number>(
            OperandTile.Bf16<TCores, TX>(shared, origin, stage, row), b, s.M0);
        s.M1 = Accumulator16x64.Add<TCores, Bf16Number>(
            OperandTile.Bf16<TCores, TX>(shared, origin, stage, row + 16), b, s.M1);
        s.M2 = Accumulator16x64.Add<TCores, Bf16Number>(
            OperandTile.Bf16<TCores, TX>(shared, origin, stage, row + 32), b, s.M2);
        s.M3 = Accumulator16x64.Add<TCores, Bf16Number>(
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
