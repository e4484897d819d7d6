// AdamW: Loshchilov & Hutter, "Decoupled weight decay regularization", algorithm 2, as torch.optim.AdamW
// orders it.
//
//     g  = gradient * gradientScale
//     w  = w * (1 - lr * weightDecay)
//     m  = beta1 * m + (1 - beta1) * g
//     v  = beta2 * v + (1 - beta2) * g^2
//     w -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
//
//   weight, gradient, m, v   [n]
//
// What is the same for every weight comes in as one number (AdamWScalars). One thread per weight.
//
// Host body: AdamWHost.cs.   Oracle: tests/Reference/OptimizerReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>What one AdamW step computes once for all weights.</summary>
/// <param name="GradientScale">Multiplies the gradient: clipping, averaging.</param>
/// <param name="Keep">1 - lr * weightDecay</param>
/// <param name="Beta1">Share of m that stays.</param>
/// <param name="Gain1">1 - Beta1</param>
/// <param name="Beta2">Share of v that stays.</param>
/// <param name="Gain2">1 - Beta2</param>
/// <param name="StepSize">lr / (1 - Beta1^t)</param>
/// <param name="RootScale">1 / sqrt(1 - Beta2^t)</param>
/// <param name="Epsilon">Added to the denominator.</param>
public readonly record struct AdamWScalars(
    float GradientScale, float Keep, float Beta1, float Gain1, float Beta2, float Gain2,
    float StepSize, float RootScale, float Epsilon);

/// <summary>The AdamW update.</summary>
public static class AdamWKernels
{
    /// <summary>Updates weight, m and v in place. One thread per weight.</summary>
    public static void Update(
        ArrayView<float> gradient, ArrayView<float> weight, ArrayView<float> m, ArrayView<float> v,
        AdamWScalars s)
    {
        for (long i = ElementLoop.First; i < weight.Length; i += ElementLoop.Step)
        {
            float g = gradient[i] * s.GradientScale;
            float first = s.Beta1 * m[i] + s.Gain1 * g;
            float second = s.Beta2 * v[i] + s.Gain2 * g * g;
            m[i] = first;
            v[i] = second;
            weight[i] = weight[i] * s.Keep
                - s.StepSize * first / (MathF.Sqrt(second) * s.RootScale + s.Epsilon);
        }
    }
}
