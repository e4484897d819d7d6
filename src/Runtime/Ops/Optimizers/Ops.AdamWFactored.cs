using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, AdamWScalars>? _factoredRows;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int, AdamWScalars>? _factoredColumns;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, int, int, AdamWScalars>? _factoredUpdate;

    /// <summary>
    /// One AdamW step in place, as <see cref="AdamW"/>, whose second moment is the product of a row's and a
    /// column's running mean of squared gradients: <c>v_ij = R_i C_j / mean(R)</c> (Shazeer and Stern,
    /// "Adafactor", 2018, algorithm 2).
    /// </summary>
    /// <remarks>A chunk of a matrix' rows may be a call, with column moments of its own.</remarks>
    /// <param name="gradient">[rows, K]</param>
    /// <param name="weight">[rows, K]</param>
    /// <param name="m">[rows, K], first moment; zeros before step 1.</param>
    /// <param name="rowMoments">[rows], R; zeros before step 1.</param>
    /// <param name="columnMoments">[K], C; zeros before step 1.</param>
    /// <param name="step">Options, and which step it is.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or the step is not 1 or more.</exception>
    public void AdamWFactored(
        Tensor gradient, Tensor weight, Tensor m, Tensor rowMoments, Tensor columnMoments, in AdamWStep step)
    {
        (int rows, int K) = (weight.Rows, weight.Columns);
        Require(gradient.Length == weight.Length && gradient.Columns == K && m.Length == weight.Length
            && m.Columns == K, $"{gradient} and {m} must have the shape of {weight}.");
        Require(rowMoments.Length == rows && columnMoments.Length == K,
            $"{rowMoments} needs a number for every row of {weight}, {columnMoments} one for every column.");
        Require(step.Step >= 1, $"step {step.Step} must be at least 1.");
        CountOp();
        if (weight.Length == 0)
            return;
        AdamWScalars scalars = Scalars(step);
        if (Host)
        {
            AdamWFactoredHost.Update(gradient.Pointer, weight.Pointer, m.Pointer, rowMoments.Pointer,
                columnMoments.Pointer, rows, K, scalars);
            return;
        }
        (_factoredRows ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int, AdamWScalars>(
            AdamWFactoredKernels.RowMeans))(
            (rows, AdamWFactoredKernels.BlockSize), gradient.View, rowMoments.View, K, scalars);
        (_factoredColumns ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
            int, int, AdamWScalars>(AdamWFactoredKernels.ColumnMeans))(
            Columns(K), gradient.View, columnMoments.View, rows, K, scalars);
        (_factoredUpdate ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, ArrayView<float>, int, int, AdamWScalars>(AdamWFactoredKernels.Update))(
            ((rows + AdamWFactoredKernels.RowsPerGroup - 1) / AdamWFactoredKernels.RowsPerGroup,
                AdamWFactoredKernels.BlockSize),
            gradient.View, rowMoments.View, columnMoments.View, weight.View, m.View, rows, K, scalars);
    }
}
