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

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        AdamWScalars>? _adamW;

    /// <summary>
    /// One AdamW step in place: decay, moments, bias correction, update (Loshchilov and Hutter, algorithm 2).
    /// </summary>
    /// <param name="gradient">[n]</param>
    /// <param name="weight">[n]</param>
    /// <param name="m">[n], first moment; zeros before step 1.</param>
    /// <param name="v">[n], second moment; zeros before step 1.</param>
    /// <param name="step">Options, and which step it is.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or the step is not 1 or more.</exception>
    public void AdamW(Tensor gradient, Tensor weight, Tensor m, Tensor v, in AdamWStep step)
    {
        Require(gradient.Length == weight.Length && m.Length == weight.Length && v.Length == weight.Length,
            $"{gradient}, {m} and {v} must have the length of {weight}.");
        Require(step.Step >= 1, $"step {step.Step} must be at least 1.");
        CountOp();
        if (weight.Length == 0)
            return;
        AdamWScalars scalars = Scalars(step);
        if (Host)
            AdamWHost.Update(gradient.Pointer, weight.Pointer, m.Pointer, v.Pointer, weight.Length, scalars);
        else
            (_adamW ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, ArrayView<float>, AdamWScalars>(AdamWKernels.Update))(
                Elements(weight.Length), gradient.View, weight.View, m.View, v.View, scalars);
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
}
