// A product of few tiles and many terms, its terms cut into parts so that more groups have work: the kernels
// of MatMulKernels and its variants sum a part each (grid's second axis), this one adds the parts.
//
//     y[i, j] = epilogue((y[i, j] +) ((part 0 + part 1) + part 2) + ...)
//
// The order is fixed and no two threads add to one place, so two runs agree bit for bit.
//
// Oracle: tests/Reference/MatMulReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>The second step of a product whose terms are cut.</summary>
public static class MatMulPartsKernels
{
    /// <summary>
    /// Writes y, or adds into it. Any grid of groups of <see cref="ElementLoop.BlockSize"/>.
    /// </summary>
    /// <param name="sums">[parts, M, N].</param>
    /// <param name="bias">[N]; not read when the epilogue has no bias.</param>
    /// <param name="residual">Shape and strides of y; not read when the epilogue has no residual.</param>
    /// <param name="y">Element (i, j) at i YRow + j.</param>
    /// <param name="s">Sizes, and strides of y.</param>
    /// <param name="epilogue">Applied to each sum before it is stored.</param>
    /// <param name="parts">1 or more.</param>
    public static void Combine(
        ArrayView<float> sums, ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y,
        MatMulShape s, MatMulEpilogue epilogue, int parts)
    {
        long elements = (long)s.M * s.N;
        for (long i = ElementLoop.First; i < elements; i += ElementLoop.Step)
        {
            float sum = sums[i];
            for (int part = 1; part < parts; part++)
                sum += sums[part * elements + i];
            int row = (int)(i / s.N);
            epilogue.Store(bias, residual, y, s, row, (int)(i - (long)row * s.N), sum);
        }
    }
}

/// <summary>The terms that a group sums: one part where the terms are cut, else all.</summary>
static class MatMulPart
{
    internal static int FirstTerm(in MatMulShape s) => Grid.IdxY * s.PartTerms;

    internal static int EndTerm(in MatMulShape s)
    {
        int end = FirstTerm(s) + s.PartTerms;
        return s.PartTerms == 0 || end > s.K ? s.K : end;
    }

    /// <summary>The memory of the group's sums: part after part.</summary>
    internal static ArrayView<float> Sums(ArrayView<float> y, in MatMulShape s)
        => y.SubView(Grid.IdxY * ((long)s.M * s.N));
}
