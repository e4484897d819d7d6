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
