// Matrix product for large shapes on CUDA from sm_80 on, float32: the sums of MatMulLargeKernels.Product, bit
// for bit, its operands copied to shared memory while others are multiplied (cp.async).
//
//     y[i, j] = epilogue((y[i, j] +) sum_k x(i, k) weight(k, j))
//
// One group of 256 per 128 x 128 tile, 8 x 8 sums per thread in registers. Eight terms at a time, in three
// stages: copies run two stages ahead of the multiply-adds and pass through no register. Where the lines of a
// term are neighbours in memory a copy takes four of them; where the terms of a line are, a copy takes one
// number and so turns the tile: four of them a thread and operand for 512 multiply-adds.
//
// TX and TWeight say which neighbours are contiguous in memory; sizes and other strides are free. Tested on
// the interpreter of PTX (MatMulTests). Oracle: tests/Reference/MatMulReference.cs.

using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>Matrix product in 128 x 128 tiles with asynchronous copies, for CUDA.</summary>
public static class MatMulPipelinedKernels
{
    /// <summary>
    /// Threads of a group: 16 x 16, each with rows r..r+3 and r+64..r+67, and the same columns.
    /// </summary>
    public const int BlockSize = MatMulLargeKernels.BlockSize;

    const int Tile = MatMulLargeKernels.Tile, Terms = MatMulLargeKernels.Terms, Stages = 3;
    // Threads that copy a line's terms hit different banks, and lines stay aligned to 16 bytes.
    const int Padded = MatMulLargeKernels.Padded;
    const int LinesApart = BlockSize / Terms; // of a thread's copies, one number each
    const int Operand = Terms * Padded, Stage = 2 * Operand;

    /// <summary>
    /// Writes y, or adds into it. Grid: <see cref="MatMulLargeKernels.Groups"/> by parts. Group:
    /// <see cref="BlockSize"/>.
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
    public static void Product<TCores, TX, TWeight>(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> residual,
        ArrayView<float> y, MatMulShape s, MatMulEpilogue epilogue, int xWide, int weightWide)
        where TCores : struct, ITensorCores
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        // [stage][operand][term][line]
        ArrayView<float> shared = SharedMemory.Allocate<float>(Stages * Stage);
        ArrayView<Float4> fours = shared.AsAligned(16).Cast<Float4>();
        int origin = TCores.Origin(shared);
        long xAddress = TCores.Address(x), weightAddress = TCores.Address(weight);
        int row = MatMulRaster.Row(Grid.IdxX, s.M, s.N, Tile);
        int column = MatMulRaster.Column(Grid.IdxX, s.M, s.N, Tile);
        int first = MatMulPart.FirstTerm(s), end = MatMulPart.EndTerm(s);
        var xFrom = new OperandSource(s.XRow, s.XColumn, row, s.M, end, xWide);
        var weightFrom = new OperandSource(s.WColumn, s.WRow, column, s.N, end, weightWide);
        int r = Group.IdxX >> 4 << 2, c = (Group.IdxX & 15) << 2;

        ThreadTile sums = default;
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
                Copy<TCores, TX>(shared, origin, filled, x, xAddress, xFrom, ahead);
                Copy<TCores, TWeight>(
                    shared, origin, filled + Operand, weight, weightAddress, weightFrom, ahead);
                filled = filled == (Stages - 1) * Stage ? 0 : filled + Stage;
            }
            TCores.Commit(); // also when empty: the wait counts batches
            if (k < first)
                continue;
            int xAt = (used + r) >> 2, weightAt = (used + Operand + c) >> 2;
            for (int half = 0; half < Terms; half += 4, xAt += Padded, weightAt += Padded)
                sums = sums.PlusFourTerms(fours, xAt, weightAt);
            used = used == (Stages - 1) * Stage ? 0 : used + Stage;
        }
        sums.Store(bias, residual, MatMulPart.Sums(y, s), s, epilogue, row + r, column + c);
    }

    // Starts copying 128 lines by 8 terms to shared[to..].
    static void Copy<TCores, TLayout>(
        ArrayView<float> shared, int origin, int to, ArrayView<float> global, long address,
        in OperandSource from, int term0)
        where TCores : struct, ITensorCores
        where TLayout : struct, IOperandLayout
    {
        if (TLayout.KContiguous)
        {
            // A warp takes 8 terms of 4 lines: whole sectors of memory, and 32 banks. Four copies, not a loop
            // of one, which would cost a tenth of the multiply-adds in branches and addresses.
            int line = Group.IdxX >> 3, term = Group.IdxX & 7;
            int lines = term0 + term < from.Terms ? from.Lines - from.FirstLine - line : 0;
            int word = to + term * Padded + line;
            long at = At(from, line, term0 + term), step = LinesApart * from.LineStride;
            CopyOne<TCores>(shared, origin, word, global, address, at, lines);
            CopyOne<TCores>(shared, origin, word + LinesApart, global, address, at + step,
                lines - LinesApart);
            CopyOne<TCores>(shared, origin, word + 2 * LinesApart, global, address, at + 2 * step,
                lines - 2 * LinesApart);
            CopyOne<TCores>(shared, origin, word + 3 * LinesApart, global, address, at + 3 * step,
                lines - 3 * LinesApart);
        }
        else if (from.Wide != 0)
        {
            int line = (Group.IdxX & 31) << 2, term = Group.IdxX >> 5;
            int count = OperandTile.Count<TLayout>(from, line, term0 + term);
            TCores.Copy4(shared, origin, to + term * Padded + line, global, address,
                count == 0 ? 0 : At(from, line, term0 + term), count);
        }
        else
        {
            // A warp takes 32 neighbouring lines of a term.
            int line = Group.IdxX & (Tile - 1);
            for (int i = 0; i < Terms; i += BlockSize / Tile)
            {
                int term = i + (Group.IdxX >> 7);
                CopyOne<TCores>(shared, origin, to + term * Padded + line, global, address,
                    At(from, line, term0 + term),
                    term0 + term < from.Terms ? from.Lines - from.FirstLine - line : 0);
            }
        }
    }

    static void CopyOne<TCores>(
        ArrayView<float> shared, int origin, int word, ArrayView<float> global, long address, long at,
        int lines)
        where TCores : struct, ITensorCores
        => TCores.Copy1(shared, origin, word, global, address, lines > 0 ? at : 0, lines > 0 ? 1 : 0);

    static long At(in OperandSource from, int line, int term)
        => (from.FirstLine + line) * from.LineStride + term * from.TermStride;
}
