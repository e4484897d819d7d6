using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, float, float>? _sumOfTwo;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, float, float,
        float>? _sumOfThree;

    /// <summary>Writes <c>y = a x1 + b x2</c>, a point of the line through two vectors; y may be either.
    /// NaN times 0 is NaN.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void LinearCombination(Tensor x1, Tensor x2, Tensor y, float a, float b)
    {
        Require(x2.Length == x1.Length && y.Length == x1.Length,
            $"{x2} and {y} must have the length of {x1}.");
        if (!CountOp(y.Length))
            return;
        if (Host)
            LinearCombinationHost.Two(x1.Pointer, x2.Pointer, y.Pointer, y.Length, a, b);
        else
            (_sumOfTwo ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>, float,
                float>(LinearCombinationKernels.Two))(Elements(y.Length), x1.View, x2.View, y.View, a, b);
    }

    /// <summary>Writes <c>y = a x1 + b x2 + c x3</c>, a point of the plane through three vectors; y may be
    /// one of them. NaN times 0 is NaN.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void LinearCombination(Tensor x1, Tensor x2, Tensor x3, Tensor y, float a, float b, float c)
    {
        Require(x2.Length == x1.Length && x3.Length == x1.Length && y.Length == x1.Length,
            $"{x2}, {x3} and {y} must have the length of {x1}.");
        if (!CountOp(y.Length))
            return;
        if (Host)
            LinearCombinationHost.Three(
                x1.Pointer, x2.Pointer, x3.Pointer, y.Pointer, y.Length, a, b, c);
        else
            (_sumOfThree ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>,
                ArrayView<float>, float, float, float>(LinearCombinationKernels.Three))(
                Elements(y.Length), x1.View, x2.View, x3.View, y.View, a, b, c);
    }
}
