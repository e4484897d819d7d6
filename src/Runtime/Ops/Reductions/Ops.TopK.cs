using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<int>, int, int>? _topK;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, int>? _argMax;

    /// <summary>Writes the k largest elements of each row, descending, and their columns.</summary>
    /// <remarks>
    /// Ties go to the lowest column, -0 ties with 0, and NaN counts as larger than infinity, so that it is
    /// seen.
    /// </remarks>
    /// <param name="x">[rows, V]</param>
    /// <param name="values">[rows, k]</param>
    /// <param name="indices">[rows, k]</param>
    /// <param name="k">1 to V</param>
    /// <exception cref="ArgumentException">A shape does not fit, or k is not in 1 to V.</exception>
    public void TopK(Tensor x, Tensor values, IndexTensor indices, int k)
    {
        Require(k >= 1 && k <= x.Columns, $"k = {k} must be 1 to the last axis of {x}.");
        Require(values.Length == (long)x.Rows * k && indices.Length == values.Length,
            $"{values} and {indices} must be [{x.Rows}, {k}].");
        CountOp();
        if (x.Length == 0)
            return;
        if (Host)
            TopKHost.TopK(x.Pointer, values.Pointer, indices.Pointer, x.Rows, x.Columns, k);
        else
            (_topK ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<int>, int, int>(
                TopKKernels.TopK))((x.Rows, TopKKernels.BlockSize),
                x.View, values.View, indices.View, x.Columns, k);
    }

    /// <summary>Writes the column of each row's largest element; order as in <see cref="TopK"/>.</summary>
    /// <param name="x">[rows, V]</param>
    /// <param name="indices">[rows]</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void ArgMax(Tensor x, IndexTensor indices)
    {
        Require(indices.Length == x.Rows && x.Columns > 0, $"{indices} must be [rows] of {x}.");
        CountOp();
        if (x.Length == 0)
            return;
        if (Host)
            TopKHost.ArgMax(x.Pointer, indices.Pointer, x.Rows, x.Columns);
        else
            (_argMax ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>, int>(TopKKernels.ArgMax))(
                (x.Rows, TopKKernels.BlockSize), x.View, indices.View, x.Columns);
    }
}
