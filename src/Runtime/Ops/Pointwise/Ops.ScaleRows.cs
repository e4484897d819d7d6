using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, int>? _scaleRows;

    /// <summary>
    /// Multiplies each row of x by a factor of its own, in place: <c>x[r, c] *= factors[r]</c>. A factor of 0
    /// writes zeros, over NaN and infinity too.
    /// </summary>
    /// <param name="factors">[rows]</param>
    /// <param name="x">[rows, n]</param>
    /// <exception cref="ArgumentException">The factors are not as many as the rows.</exception>
    public void ScaleRows(Tensor factors, Tensor x)
    {
        Require(factors.Length == x.Rows, $"{factors} must hold one factor for each row of {x}.");
        if (!CountOp(x.Length))
            return;
        if (Host)
            ScaleRowsHost.Scale(factors.Pointer, x.Pointer, x.Rows, x.Columns);
        else
            (_scaleRows ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(
                ScaleRowsKernels.Scale))((x.Rows, ScaleRowsKernels.BlockSize),
                factors.View, x.View, x.Columns);
    }
}
