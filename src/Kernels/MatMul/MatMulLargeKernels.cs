// Matrix product for large shapes, portable: the sums of MatMulKernels.Product, bit for bit, in tiles of 128
// x 128.
//
//     y[i, j] = epilogue((y[i, j] +) sum_k x(i, k) weight(k, j))
//
// One group of 256 a tile, 8 x 8 sums a thread in registers: a step of k costs a thread four loads of 16
// bytes from shared memory and 64 multiply-adds, where 4 x 4 sums cost eight loads and 16. Eight terms at a
// time: the next ones wait in registers while these are multiplied, and go to the other half of shared
// memory, so that one barrier a step is enough. Each sum is made by one thread in the order of k.
//
// Oracle: tests/Reference/MatMulReference.cs.

using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>Matrix product in 128 x 128 tiles.</summary>
public static class MatMulLargeKernels
{
    /// <summary>
    /// Threads of a group: 16 x 16, each with rows r..r+3 and r+64..r+67, and the same columns.
    /// </summary>
    public const int BlockSize = 256;

    /// <summary>Rows and columns of y that one group writes.</summary>
    public const int Tile = 128;

    internal const int Terms = 8;
    // Threads that store a line's terms hit different banks, and lines stay aligned to 16 bytes.
    internal const int Padded = Tile + 4;
    const int Operand = Terms * Padded, Half = 2 * Operand;

    /// <summary>Groups that cover y.</summary>
    public static int Groups(int M, int N) => checked(((M + Tile - 1) / Tile) * ((N + Tile - 1) / Tile));

    /// <summary>
    /// Writes y, or adds into it. Grid: <see cref="Groups"/> by parts. Group: <see cref="BlockSize"/>.
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
    public static void Product(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias, ArrayView<float> residual,
        ArrayView<float> y, MatMulShape s, MatMulEpilogue epilogue, int xWide, int weightWide)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(2 * Half); // [half][operand][term][line]
        ArrayView<Float4> fours = shared.AsAligned(16).Cast<Float4>();
        int row = MatMulRaster.Row(Grid.IdxX, s.M, s.N, Tile);
        int column = MatMulRaster.Column(Grid.IdxX, s.M, s.N, Tile);
        int first = MatMulPart.FirstTerm(s), end = MatMulPart.EndTerm(s);
        var xFrom = new OperandSource(s.XRow, s.XColumn, row, s.M, end, xWide);
        var weightFrom = new OperandSource(s.WColumn, s.WRow, column, s.N, end, weightWide);
        int r = Group.IdxX >> 4 << 2, c = (Group.IdxX & 15) << 2;

        ThreadTile sums = default;
        Float4 xNext = Fetch(x, xFrom, first), weightNext = Fetch(weight, weightFrom, first);
        int half = 0;
        for (int k0 = first; k0 < end; k0 += Terms)
        {
            Put(shared, half, xFrom, xNext);
            Put(shared, half + Operand, weightFrom, weightNext);
            // This half is complete, and everyone is done with the other, which is written next time round.
            Group.Barrier();
            if (k0 + Terms < end)
            {
                xNext = Fetch(x, xFrom, k0 + Terms);
                weightNext = Fetch(weight, weightFrom, k0 + Terms);
            }
            int xAt = (half + r) >> 2, weightAt = (half + Operand + c) >> 2;
            for (int k = 0; k < Terms; k += 4, xAt += Padded, weightAt += Padded)
                sums = sums.PlusFourTerms(fours, xAt, weightAt);
            half ^= Half;
        }
        sums.Store(bias, residual, MatMulPart.Sums(y, s), s, epilogue, row + r, column + c);
    }

    // A thread's share of a tile of 128 lines by 8 terms: four neighbours. Threads read neighbouring fours.
    static Float4 Fetch(ArrayView<float> from, in OperandSource source, int term0)
    {
        int line = Line(source), term = term0 + Term(source);
        int lines = source.Lines - source.FirstLine - line, terms = source.Terms - term;
        bool together = source.TermStride == 1;
        int along = together ? terms : lines, across = together ? lines : terms;
        long at = (source.FirstLine + line) * source.LineStride + term * source.TermStride;
        return Float4.Load(from, at, together ? 1 : source.LineStride,
            across <= 0 || along <= 0 ? 0 : along > 4 ? 4 : along, source.Wide);
    }

    static void Put(ArrayView<float> shared, int to, in OperandSource source, Float4 f)
    {
        int at = to + Term(source) * Padded + Line(source);
        if (source.TermStride != 1)
        {
            shared.AsAligned(16).Cast<Float4>()[at >> 2] = f;
            return;
        }
        shared[at] = f.X;
        shared[at + Padded] = f.Y;
        shared[at + 2 * Padded] = f.Z;
        shared[at + 3 * Padded] = f.W;
    }

    static int Line(in OperandSource source)
        => source.TermStride == 1 ? Group.IdxX >> 1 : (Group.IdxX & 31) << 2;

    static int Term(in OperandSource source)
        => source.TermStride == 1 ? (Group.IdxX & 1) << 2 : Group.IdxX >> 5;
}
