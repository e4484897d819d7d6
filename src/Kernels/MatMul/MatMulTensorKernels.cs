// Matrix product on tensor cores (CUDA from sm_80 on), every form of MatMulKernels by the same strides.
//
//     y[i, j] = epilogue((y[i, j] +) sum_k r(x(i, k)) r(weight(k, j)))        r rounds to TF32 or BF16
//
// Operands stay float32 in memory; sums are float32. One group a tile of y, 16 terms at a time through shared
// memory: 128 x 128, four warps of 64 x 64; or, where those would leave multiprocessors idle, 64 x 64, four
// warps of 16 x 64. A sum takes the same steps in the same order in both, so the choice is free.
//   Tf32  cp.async brings float32 in, two tiles ahead of the one that is multiplied; fragments are rounded
//         (to nearest) when they are read, because cp.async cannot.
//   Bf16  numbers pass through registers, one tile ahead, and are packed before they are stored. Copied as
//         float32 and packed when fragments are read, they would take twice the shared memory bandwidth,
//         which is what limits a 64 x 64 warp tile, and be packed by both warps that share them.
//
// TX and TWeight say which neighbours are contiguous in memory; sizes and other strides are free. Tested on
// the interpreter of PTX (MatMulPrecisionTests). Oracle: tests/Reference/MatMulReference.cs.

using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>Matrix product in TF32 and BF16, for CUDA.</summary>
public static class MatMulTensorKernels
{
    /// <summary>Threads of a group.</summary>
    public const int BlockSize = 128;

    /// <summary>Rows and columns of y that one group writes.</summary>
    public const int Tile = 128;

    /// <summary>Rows and columns of y that one group of the small kernels writes.</summary>
    public const int SmallTile = 64;

    const int Terms = OperandTile.Terms, Stages = 3;
    const int StoreWords = 4 * 1024; // what four warps' stores pass through

    /// <summary>Groups that cover y in tiles of <see cref="Tile"/> or <see cref="SmallTile"/>.</summary>
    public static int Groups(int M, int N, int tile)
        => checked(((M + tile - 1) / tile) * ((N + tile - 1) / tile));

    /// <summary>
    /// Writes y, or adds into it, with TF32 operands. Grid: <see cref="Groups"/> by parts. Group: <see
    /// cref="BlockSize"/>.
    /// </summary>
    /// <param name="x">Element (i, k) at i XRow + k XColumn.</param>
    /// <param name="weight">Element (k, j) at k WRow + j WColumn.</param>
    /// <param name="bias">[N]; not read when the epilogue has no bias.</param>
    /// <param name="residual">Shape and strides of y; not read when the epilogue has no residual.</param>
    /// <param name="y">Element (i, j) at i YRow + j.</param>
    /// <param name="s">Sizes and strides.</param>
    /// <param name="epilogue">Applied to each sum before it is stored.</param>
    /// <param name="xWide">1 when groups of four neighbours in x are aligned to 16 bytes.</param>
    /// <param name="weightWide">1 when groups of four neighbours in the weight are.</param>
    public static void Tf32<TCores, TX, TWeight>(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> residual,
        ArrayView<float> y, MatMulShape s, MatMulEpilogue epilogue, int xWide, int weightWide)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
        => RunTf32<TCores, TX, TWeight, Accumulator64x64>(
            SharedMemory.Allocate<float>(Stages * 2 * Tile * Terms).AsAligned(16), // cp.async and ldmatrix
            x, weight, bias, residual, y, s, epilogue, xWide, weightWide);

    /// <summary>The same bits in tiles of <see cref="SmallTile"/>.</summary>
    /// <inheritdoc cref="Tf32"/>
    public static void Tf32Small<TCores, TX, TWeight>(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> residual,
        ArrayView<float> y, MatMulShape s, MatMulEpilogue epilogue, int xWide, int weightWide)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
        => RunTf32<TCores, TX, TWeight, Accumulator16x64>(
            SharedMemory.Allocate<float>(Stages * 2 * SmallTile * Terms).AsAligned(16),
            x, weight, bias, residual, y, s, epilogue, xWide, weightWide);

    /// <summary>The same with BF16 operands.</summary>
    /// <inheritdoc cref="Tf32"/>
    public static void Bf16<TCores, TX, TWeight>(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> residual,
        ArrayView<float> y, MatMulShape s, MatMulEpilogue epilogue, int xWide, int weightWide)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
        => RunBf16<TCores, TX, TWeight, Accumulator64x64>(SharedMemory.Allocate<float>(2 * Tile * Terms),
            x, weight, bias, residual, y, s, epilogue, xWide, weightWide);

    /// <summary>The same bits in tiles of <see cref="SmallTile"/>.</summary>
    /// <inheritdoc cref="Tf32"/>
    public static void Bf16Small<TCores, TX, TWeight>(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> residual,
        ArrayView<float> y, MatMulShape s, MatMulEpilogue epilogue, int xWide, int weightWide)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
        => RunBf16<TCores, TX, TWeight, Accumulator16x64>(SharedMemory.Allocate<float>(StoreWords),
            x, weight, bias, residual, y, s, epilogue, xWide, weightWide);

    static void RunTf32<TCores, TX, TWeight, TSums>(
        ArrayView<float> shared, ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias,
        ArrayView<float> residual, ArrayView<float> y, in MatMulShape s, in MatMulEpilogue epilogue,
        int xWide, int weightWide)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
        where TSums : struct, IAccumulator<TSums>
    {
        int operand = OperandTile.FloatWords<TX>(), stageWords = 2 * operand;
        int origin = TCores.Origin(shared);
        long xAddress = TCores.Address(x), weightAddress = TCores.Address(weight);
        int row = MatMulRaster.Row(Grid.IdxX, s.M, s.N, TX.Lines);
        int column = MatMulRaster.Column(Grid.IdxX, s.M, s.N, TX.Lines);
        int first = MatMulPart.FirstTerm(s), end = MatMulPart.EndTerm(s);
        var xFrom = new OperandSource(s.XRow, s.XColumn, row, s.M, end, xWide);
        var weightFrom = new OperandSource(s.WColumn, s.WRow, column, s.N, end, weightWide);
        int warpRow = TSums.Row, warpColumn = TSums.Column;
        bool inside = row + warpRow < s.M && column + warpColumn < s.N; // the same for a whole warp

        TSums sums = default;
        int filled = 0, used = 0; // stages: the next to fill, the next to multiply
        for (int k = first - 2 * Terms; k < end; k += Terms)
        {
            if (k >= first)
            {
                TCores.WaitAllButOne();
                Group.Barrier(); // this stage is complete, and everyone is done with the one filled below
            }
            int ahead = k + 2 * Terms;
            if (ahead < end)
            {
                OperandTile.Copy<TCores, TX>(shared, origin, filled, x, xAddress, xFrom, ahead, BlockSize);
                OperandTile.Copy<TCores, TWeight>(
                    shared, origin, filled + operand, weight, weightAddress, weightFrom, ahead,
                    BlockSize);
                filled = filled == (Stages - 1) * stageWords ? 0 : filled + stageWords;
            }
            TCores.Commit(); // also when empty: the wait counts batches
            if (k < first)
                continue;
            if (inside)
            {
                sums = TSums.PlusTf32<TCores, TX, TWeight>(
                    shared, origin, used, warpRow, warpColumn, 0, sums);
                sums = TSums.PlusTf32<TCores, TX, TWeight>(
                    shared, origin, used, warpRow, warpColumn, 8, sums);
            }
            used = used == (Stages - 1) * stageWords ? 0 : used + stageWords;
        }
        sums.Store(shared, bias, residual, MatMulPart.Sums(y, s), s, epilogue,
            row + warpRow, column + warpColumn);
    }

    static void RunBf16<TCores, TX, TWeight, TSums>(
        ArrayView<float> shared, ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias,
        ArrayView<float> residual, ArrayView<float> y, in MatMulShape s, in MatMulEpilogue epilogue,
        int xWide, int weightWide)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
        where TSums : struct, IAccumulator<TSums>
    {
        int operand = OperandTile.PairWords<TX>(), stageWords = 2 * operand;
        int origin = TCores.Origin(shared);
        int row = MatMulRaster.Row(Grid.IdxX, s.M, s.N, TX.Lines);
        int column = MatMulRaster.Column(Grid.IdxX, s.M, s.N, TX.Lines);
        int first = MatMulPart.FirstTerm(s), end = MatMulPart.EndTerm(s);
        var xFrom = new OperandSource(s.XRow, s.XColumn, row, s.M, end, xWide);
        var weightFrom = new OperandSource(s.WColumn, s.WRow, column, s.N, end, weightWide);
        int warpRow = TSums.Row, warpColumn = TSums.Column;
        bool inside = row + warpRow < s.M && column + warpColumn < s.N; // the same for a whole warp

        TSums sums = default;
        var xs = StagedChunks.Fetch<TX>(x, xFrom, first);
        var ws = StagedChunks.Fetch<TWeight>(weight, weightFrom, first);
        int stage = 0;
        for (int k = first; k < end; k += Terms)
        {
            xs.Pack<TCores, TX>(shared, stage, xWide);
            ws.Pack<TCores, TWeight>(shared, stage + operand, weightWide);
            // This stage is complete, and everyone is done with the other, which is packed next time round.
            Group.Barrier();
            if (k + Terms < end)
            {
                xs = StagedChunks.Fetch<TX>(x, xFrom, k + Terms);
                ws = StagedChunks.Fetch<TWeight>(weight, weightFrom, k + Terms);
            }
            if (inside)
                sums = TSums.PlusBf16<TCores, TX, TWeight>(shared, origin, stage, warpRow, warpColumn, sums);
            stage ^= stageWords;
        }
        sums.Store(shared, bias, residual, MatMulPart.Sums(y, s), s, epilogue,
            row + warpRow, column + warpColumn);
    }
}
