using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

/// <summary>Options of one SGD step, with torch.optim.SGD's meaning.</summary>
/// <param name="LearningRate">lr</param>
/// <param name="Momentum">0: the momentum tensor is neither read nor written.</param>
/// <param name="Dampening">The gradient enters the buffer times 1 - Dampening, not on the first step.</param>
/// <param name="WeightDecay">Coupled: added to the gradient times the weight.</param>
/// <param name="Nesterov">The update is gradient + momentum * buffer.</param>
/// <param name="First">True on the first step: the buffer becomes the gradient.</param>
/// <param name="GradientScale">Multiplies the gradient.</param>
public readonly record struct SgdStep(
    float LearningRate, float Momentum, float Dampening, float WeightDecay, bool Nesterov, bool First,
    float GradientScale = 1);

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, SgdScalars>? _sgd;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, SgdScalars>? _sgdPlain;

    /// <summary>Makes one SGD step in place: decay, momentum, update (torch.optim.SGD).</summary>
    /// <param name="gradient">[n]</param>
    /// <param name="weight">[n]</param>
    /// <param name="momentum">[n], the buffer; may hold anything before the first step.</param>
    /// <param name="step">Options.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void Sgd(Tensor gradient, Tensor weight, Tensor momentum, in SgdStep step)
    {
        bool plain = step.Momentum == 0;
        Require(gradient.Length == weight.Length && (plain || momentum.Length == weight.Length),
            $"{gradient} and {momentum} must have the length of {weight}.");
        CountOp();
        if (weight.Length == 0)
            return;
        var scalars = new SgdScalars(step.GradientScale, step.WeightDecay,
            step.First ? 0 : step.Momentum, step.First ? 1 : (float)(1.0 - step.Dampening),
            step.Nesterov ? 1 : 0, step.Nesterov ? step.Momentum : 1, step.LearningRate);
        if (Host)
            SgdHost.Update(gradient.Pointer, weight.Pointer, plain ? null : momentum.Pointer,
                weight.Length, scalars);
        else if (plain)
            (_sgdPlain ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                SgdScalars>(SgdKernels.UpdatePlain))(
                Elements(weight.Length), gradient.View, weight.View, scalars);
        else
            (_sgd ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, SgdScalars>(SgdKernels.Update))(
                Elements(weight.Length), gradient.View, weight.View, momentum.View, scalars);
    }
}
