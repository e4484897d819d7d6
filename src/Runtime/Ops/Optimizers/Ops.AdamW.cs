using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

/// <summary>Options of one AdamW step, with torch.optim.AdamW's meaning.</summary>
/// <param name="LearningRate">lr</param>
/// <param name="Beta1">Decay of the first moment, 0.9.</param>
/// <param name="Beta2">Decay of the second moment, 0.999.</param>
/// <param name="Epsilon">Added to the root of the corrected second moment.</param>
/// <param name="WeightDecay">Decoupled: the weight shrinks by lr * WeightDecay.</param>
/// <param name="Step">1 for the first step.</param>
/// <param name="GradientScale">Multiplies the gradient: clipping, averaging.</param>
public readonly record struct AdamWStep(
    float LearningRate, float Beta1, float Beta2, float Epsilon, float WeightDecay, int Step,
    float GradientScale = 1);

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
    Action<Index1D, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        AdamWScalars>? _adamW;
    Action<Index1D, ArrayView<float>, ArrayView<float>, ArrayView<float>, SgdScalars>? _sgd;
    Action<Index1D, ArrayView<float>, ArrayView<float>, SgdScalars>? _sgdPlain;

    /// <summary>
    /// One AdamW step in place: decay, moments, bias correction, update (Loshchilov and Hutter, algorithm 2).
    /// </summary>
    /// <param name="weight">[n]</param>
    /// <param name="gradient">[n]; read only.</param>
    /// <param name="m">[n], first moment; zeros before step 1.</param>
    /// <param name="v">[n], second moment; zeros before step 1.</param>
    /// <param name="step">Options, and which step it is.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or the step is not 1 or more.</exception>
    public void AdamW(Tensor weight, Tensor gradient, Tensor m, Tensor v, in AdamWStep step)
    {
        Require(gradient.Length == weight.Length && m.Length == weight.Length && v.Length == weight.Length,
            $"{gradient}, {m} and {v} must have the length of {weight}.");
        Require(step.Step >= 1, $"step {step.Step} must be at least 1.");
        Begin();
        if (weight.Length == 0)
            return;
        AdamWScalars scalars = Scalars(step);
        if (Host)
            AdamWHost.Update(gradient.Pointer, weight.Pointer, m.Pointer, v.Pointer, weight.Length, scalars);
        else
            (_adamW ??= Gpu.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>,
                ArrayView<float>, ArrayView<float>, AdamWScalars>(AdamWKernels.Update))(
                checked((int)weight.Length), gradient.View, weight.View, m.View, v.View, scalars);
    }

    static AdamWScalars Scalars(in AdamWStep step)
    {
        double beta1 = step.Beta1, beta2 = step.Beta2, rate = step.LearningRate;
        return new AdamWScalars(
            step.GradientScale, (float)(1 - rate * step.WeightDecay),
            step.Beta1, (float)(1 - beta1), step.Beta2, (float)(1 - beta2),
            (float)(rate / (1 - Math.Pow(beta1, step.Step))),
            (float)(1 / Math.Sqrt(1 - Math.Pow(beta2, step.Step))), step.Epsilon);
    }

    /// <summary>One SGD step in place.</summary>
    /// <param name="weight">[n]</param>
    /// <param name="gradient">[n]; read only.</param>
    /// <param name="momentum">[n], the buffer; may hold anything before the first step.</param>
    /// <param name="step">Options.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void Sgd(Tensor weight, Tensor gradient, Tensor momentum, in SgdStep step)
    {
        bool plain = step.Momentum == 0;
        Require(gradient.Length == weight.Length && (plain || momentum.Length == weight.Length),
            $"{gradient} and {momentum} must have the length of {weight}.");
        Begin();
        if (weight.Length == 0)
            return;
        var scalars = new SgdScalars(step.GradientScale, step.WeightDecay,
            step.First ? 0 : step.Momentum, step.First ? 1 : (float)(1.0 - step.Dampening),
            step.Nesterov ? 1 : 0, step.Nesterov ? step.Momentum : 1, step.LearningRate);
        if (Host)
            SgdHost.Update(gradient.Pointer, weight.Pointer, plain ? null : momentum.Pointer,
                weight.Length, scalars);
        else if (plain)
            (_sgdPlain ??= Gpu.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>,
                SgdScalars>(SgdKernels.UpdatePlain))(
                checked((int)weight.Length), gradient.View, weight.View, scalars);
        else
            (_sgd ??= Gpu.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>,
                ArrayView<float>, SgdScalars>(SgdKernels.Update))(
                checked((int)weight.Length), gradient.View, weight.View, momentum.View, scalars);
    }
}
