using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    // By kind.
    readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>>?[] _activate = [null, null, null];
    readonly Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>?[]
        _activateBackward = [null, null, null];

    /// <summary>Writes <c>y = f(x)</c> of each element, f by its kind; y may be x.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void Activate(Tensor x, Tensor y, Activation kind)
    {
        Require(y.Length == x.Length, $"{y} must have the length of {x}.");
        if (!CountOp(x.Length))
            return;
        if (!Host)
            (_activate[(int)kind] ??= Gpu.LoadStreamKernel(Forward(kind)))(Elements(x.Length),
                x.View, y.View);
        else if (kind == Activation.GeluTanh)
            ActivationHost.GeluTanh(x.Pointer, y.Pointer, x.Length);
        else if (kind == Activation.GeluExact)
            ActivationHost.GeluExact(x.Pointer, y.Pointer, x.Length);
        else
            ActivationHost.Relu(x.Pointer, y.Pointer, x.Length);
    }

    /// <summary>Writes <c>dX = dY * f'(x)</c>; dX may be dY.</summary>
    /// <param name="x">The forward pass' input.</param>
    /// <param name="dY">The gradient by its output.</param>
    /// <param name="dX">The gradient by its input.</param>
    /// <param name="kind">f</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void ActivateBackward(Tensor x, Tensor dY, Tensor dX, Activation kind)
    {
        Require(dY.Length == x.Length && dX.Length == x.Length,
            $"{dY} and {dX} must have the length of {x}.");
        if (!CountOp(x.Length))
            return;
        if (!Host)
            (_activateBackward[(int)kind] ??= Gpu.LoadStreamKernel(Backward(kind)))(
                Elements(x.Length), x.View, dY.View, dX.View);
        else if (kind == Activation.GeluTanh)
            ActivationHost.GeluTanhBackward(x.Pointer, dY.Pointer, dX.Pointer, x.Length);
        else if (kind == Activation.GeluExact)
            ActivationHost.GeluExactBackward(x.Pointer, dY.Pointer, dX.Pointer, x.Length);
        else
            ActivationHost.ReluBackward(x.Pointer, dY.Pointer, dX.Pointer, x.Length);
    }

    static Action<ArrayView<float>, ArrayView<float>> Forward(Activation kind) => kind switch
    {
        Activation.GeluTanh => ActivationKernels.GeluTanh,
        Activation.GeluExact => ActivationKernels.GeluExact,
        _ => ActivationKernels.Relu,
    };

    static Action<ArrayView<float>, ArrayView<float>, ArrayView<float>> Backward(Activation kind)
        => kind switch
    {
        Activation.GeluTanh => ActivationKernels.GeluTanhBackward,
        Activation.GeluExact => ActivationKernels.GeluExactBackward,
        _ => ActivationKernels.ReluBackward,
    };
}
