// Sums over whole tensors, rows and columns, in a fixed order.
//
//     Sum, Dot      partial[cut]          = sum over the cut of x, of a * b
//     Squares       partial[2 cut]        = sum over the cut of (x * s)^2,   partial[2 cut + 1] = s
//     RowSums       sums[row]             = sum_c x[row, c]
//     ColumnSums    sums[c]              += sum_row x[row, c]
//     FirstBad      partial[cut]          = index in the cut of the first NaN or infinity, or CutLength
//
// A tensor is cut every CutLength elements, one group per cut. The caller adds the partial sums in order, in
// float64 on the host: kernels use no doubles, and the last step is a few thousand additions.
//
// Host body: ReductionHost.cs.   Oracle: tests/Reference/ReductionReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Sums, dot products, norms and the search for what is not finite.</summary>
public static class ReductionKernels
{
    /// <summary>Threads per group; a power of two, because the tree sum halves it.</summary>
    public const int BlockSize = 256;

    /// <summary>Elements that one group sums: 64 per thread.</summary>
    public const int CutLength = 16384;

    /// <summary>Writes partial. Grid: cuts. Group: <see cref="BlockSize"/>.</summary>
    public static void Sum(ArrayView<float> x, ArrayView<float> partial)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * CutLength;
        int length = LengthOfCut(x.Length, start);
        float sum = 0f;
        for (int i = Group.IdxX; i < length; i += BlockSize)
            sum += x[start + i];
        sum = GroupReduce.Sum(sum, scratch);
        if (Group.IdxX == 0)
            partial[Grid.IdxX] = sum;
    }

    /// <summary>Writes partial. Grid: cuts. Group: <see cref="BlockSize"/>.</summary>
    public static void Dot(ArrayView<float> a, ArrayView<float> b, ArrayView<float> partial)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * CutLength;
        int length = LengthOfCut(a.Length, start);
        float sum = 0f;
        for (int i = Group.IdxX; i < length; i += BlockSize)
            sum += a[start + i] * b[start + i];
        sum = GroupReduce.Sum(sum, scratch);
        if (Group.IdxX == 0)
            partial[Grid.IdxX] = sum;
    }

    /// <summary>Writes partial: sum and scale in turn. Grid: cuts. Group: <see cref="BlockSize"/>.</summary>
    public static void Squares(ArrayView<float> x, ArrayView<float> partial)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * CutLength;
        int length = LengthOfCut(x.Length, start);
        float max = 0f;
        for (int i = Group.IdxX; i < length; i += BlockSize)
            max = MathF.Abs(x[start + i]) > max ? MathF.Abs(x[start + i]) : max;
        max = GroupReduce.Max(max, scratch);
        // One thread chooses for all: every thread deciding by itself is the same arithmetic, but PoCL 3.1
        // then leaves all but the first with the choice of the launch before (ReductionTests, norm of 1e19).
        if (Group.IdxX == 0)
            scratch[0] = ScaleOfSquares(max);
        Group.Barrier(); // the scale is there
        float scale = scratch[0];
        Group.Barrier(); // everyone has read it before the sum overwrites it
        float sum = 0f;
        for (int i = Group.IdxX; i < length; i += BlockSize)
            sum += x[start + i] * scale * (x[start + i] * scale);
        sum = GroupReduce.Sum(sum, scratch);
        if (Group.IdxX == 0)
        {
            partial[2 * Grid.IdxX] = sum;
            partial[2 * Grid.IdxX + 1] = scale;
        }
    }

    /// <summary>Writes partial. Grid: cuts. Group: <see cref="BlockSize"/>.</summary>
    public static void FirstBad(ArrayView<float> x, ArrayView<float> partial)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * CutLength;
        int length = LengthOfCut(x.Length, start);
        int first = CutLength;
        for (int i = Group.IdxX; i < length && first == CutLength; i += BlockSize)
        {
            if (!(MathF.Abs(x[start + i]) <= float.MaxValue)) // NaN compares with nothing
                first = i;
        }
        // The least of whole numbers below 2^24, which floats hold exactly.
        float least = -GroupReduce.Max(-(float)first, scratch);
        if (Group.IdxX == 0)
            partial[Grid.IdxX] = least;
    }

    /// <summary>Writes sums. Grid: rows. Group: <see cref="BlockSize"/>.</summary>
    public static void RowSums(ArrayView<float> x, ArrayView<float> sums, int C)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        long start = (long)Grid.IdxX * C;
        float sum = 0f;
        for (int c = Group.IdxX; c < C; c += BlockSize)
            sum += x[start + c];
        sum = GroupReduce.Sum(sum, scratch);
        if (Group.IdxX == 0)
            sums[Grid.IdxX] = sum;
    }

    /// <summary>Adds into sums. Grid and group: <see cref="ColumnGroup"/>.</summary>
    public static void ColumnSums(ArrayView<float> x, ArrayView<float> sums, int rows, int C)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(ColumnGroup.BlockSize);
        int column = ColumnGroup.Column;
        float sum = 0f;
        if (column < C)
            for (int row = ColumnGroup.FirstRow; row < rows; row += ColumnGroup.RowStep)
                sum += x[(long)row * C + column];
        sum = ColumnGroup.Sum(sum, scratch);
        if (ColumnGroup.HasTotal(column, C))
            sums[column] += sum;
    }

    /// <summary>
    /// A power of two that keeps squares of a cut whose largest magnitude is <paramref name="max"/>, and the
    /// sum of 16384 of them, inside float32: neither 1e30 overflows nor 1e-30 vanishes.
    /// </summary>
    internal static float ScaleOfSquares(float max)
    {
        const float large = 1.09951163e12f, small = 9.09494702e-13f; // 2^40, 2^-40
        const float down = 8.27180613e-25f, up = 1.23794004e27f; // 2^-80, 2^90
        if (max > float.MaxValue)
            return 1f; // infinity stays infinity
        return max > large ? down : max < small ? up : 1f;
    }

    static int LengthOfCut(long length, long start)
    {
        long left = length - start;
        return left < CutLength ? (int)left : CutLength;
    }
}
