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
    /// <param name="x">[rows, n]</param>
    /// <param name="factors">[rows]</param>
    /// <exception cref="ArgumentException">There is not one factor a row.</exception>
    public void ScaleRows(Tensor x, Tensor factors)
    {
        Require(factors.Length == x.Rows, $"{factors} must hold one factor for each row of {x}.");
        if (!BeginElements(x.Length))
            return;
        if (Host)
            ScaleRowsHost.Scale(x.Pointer, factors.Pointer, x.Rows, x.Columns);
        else
            (_scaleRows ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(
                ScaleRowsKernels.Scale))((x.Rows, ScaleRowsKernels.BlockSize),
                x.View, factors.View, x.Columns);
    }
}
