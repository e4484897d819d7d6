// Stochastic gradient descent with momentum, as torch.optim.SGD defines it.
//
//     g   = gradient * gradientScale + weightDecay * w
//     buf = momentum * buf + (1 - dampening) * g        on the first step buf = g
//     w  -= lr * (g + momentum * buf)                   Nesterov
//     w  -= lr * buf                                    else
//
//   weight, gradient, buffer   [n]
//
// Both forms are w -= lr * (fromGradient * g + fromBuffer * buf), and the first step is carry 0, gain 1.
// Without momentum fromBuffer is 0 and fromGradient 1. One thread per weight.
//
// Host body: SgdHost.cs.   Oracle: tests/Reference/OptimizerReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>What one SGD step computes once for all weights.</summary>
/// <param name="GradientScale">Multiplies the gradient.</param>
/// <param name="WeightDecay">Added to the gradient times the weight.</param>
/// <param name="Carry">Share of the buffer that stays; 0 on the first step.</param>
/// <param name="Gain">Share of the gradient that enters the buffer; 1 on the first step.</param>
/// <param name="FromGradient">Weight of the gradient in the update.</param>
/// <param name="FromBuffer">Weight of the buffer in the update.</param>
/// <param name="LearningRate">Step size.</param>
public readonly record struct SgdScalars(
    float GradientScale, float WeightDecay, float Carry, float Gain, float FromGradient, float FromBuffer,
    float LearningRate);

/// <summary>The SGD update.</summary>
public static class SgdKernels
{
    /// <summary>Updates weight and buffer in place. One thread per weight.</summary>
    public static void Update(
        ArrayView<float> gradient, ArrayView<float> weight, ArrayView<float> buffer,
        SgdScalars s)
    {
        for (long i = ElementLoop.First; i < weight.Length; i += ElementLoop.Step)
        {
            float g = gradient[i] * s.GradientScale + s.WeightDecay * weight[i];
            // A fresh buffer may hold anything: 0 * NaN is NaN.
            float b = s.Carry == 0f ? s.Gain * g : s.Carry * buffer[i] + s.Gain * g;
            buffer[i] = b;
            weight[i] -= s.LearningRate * (s.FromGradient * g + s.FromBuffer * b);
        }
    }

    /// <summary>Updates weight alone: no momentum. One thread per weight.</summary>
    public static void UpdatePlain(
        ArrayView<float> gradient, ArrayView<float> weight, SgdScalars s)
    {
        for (long i = ElementLoop.First; i < weight.Length; i += ElementLoop.Step)
        {
            float g = gradient[i] * s.GradientScale + s.WeightDecay * weight[i];
            weight[i] -= s.LearningRate * g;
        }
    }
}
