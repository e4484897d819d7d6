// The nonlinearity of the feed-forward block, element by element.
//
//     GeluTanh   y = x/2 (1 + tanh u) = x / (1 + e^(-2u))        u = sqrt(2/pi) (x + 0.044715 x^3)
//     GeluExact  y = x Phi(x)                                    Phi(x) = (1 + erf(x / sqrt 2)) / 2
//     Relu       y = max(x, 0)
//
//   backward: dX = dY * f'(x), from x alone;  x, y, dY, dX of one length, dX may be dY
//
// 1 + tanh u = 2 / (1 + e^(-2u)), so no tanh is needed and negative x keeps its digits, which 1 + tanh
// cancels. Any grid of groups of ElementLoop.BlockSize threads; ElementLoop covers the rest.
//
// Host body: ActivationHost.cs.   Oracle: tests/Reference/ActivationReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>GELU in its tanh and exact forms, ReLU; forward and backward.</summary>
public static class ActivationKernels
{
    /// <summary>Writes y = x / (1 + e^(-2u)).</summary>
    public static void GeluTanh(ArrayView<float> x, ArrayView<float> y)
    {
        for (long i = ElementLoop.First; i < y.Length; i += ElementLoop.Step)
            y[i] = DeviceMath.GeluTanh(x[i]);
    }

    /// <summary>Writes dX = dY (s + x s (1 - s) 2u') with s = 1 / (1 + e^(-2u)).</summary>
    public static void GeluTanhBackward(ArrayView<float> x, ArrayView<float> dY, ArrayView<float> dX)
    {
        for (long i = ElementLoop.First; i < dX.Length; i += ElementLoop.Step)
        {
            // Beyond 12, e^(-2|u|) is 0 in float32; without the bound, 0 * u' is NaN from |x| = 1e19 on.
            float v = x[i] > 12f ? 12f : x[i] < -12f ? -12f : x[i];
            float u = DeviceMath.Sqrt2OverPi * v * (1f + DeviceMath.GeluCubic * v * v);
            float slope = DeviceMath.Sqrt2OverPi * (1f + 3f * DeviceMath.GeluCubic * v * v);
            float e = DeviceMath.Exp(u < 0f ? 2f * u : -2f * u);
            float r = 1f / (1f + e);
            float s = u < 0f ? e * r : r;
            dX[i] = dY[i] * (s + 2f * v * slope * e * r * r); // s (1 - s) = e / (1 + e)^2, without cancelling
        }
    }

    /// <summary>Writes y = x Phi(x).</summary>
    public static void GeluExact(ArrayView<float> x, ArrayView<float> y)
    {
        for (long i = ElementLoop.First; i < y.Length; i += ElementLoop.Step)
        {
            float v = x[i];
            y[i] = v * DeviceMath.NormalBelow(v, DeviceMath.Exp(-0.5f * v * v));
        }
    }

    /// <summary>Writes dX = dY (Phi(x) + x e^(-x^2/2) / sqrt(2 pi)).</summary>
    public static void GeluExactBackward(ArrayView<float> x, ArrayView<float> dY, ArrayView<float> dX)
    {
        for (long i = ElementLoop.First; i < dX.Length; i += ElementLoop.Step)
        {
            float v = x[i];
            float density = DeviceMath.Exp(-0.5f * v * v);
            dX[i] = dY[i] * (DeviceMath.NormalBelow(v, density) + v * DeviceMath.InverseSqrt2Pi * density);
        }
    }

    /// <summary>Writes y = max(x, 0); NaN stays NaN.</summary>
    public static void Relu(ArrayView<float> x, ArrayView<float> y)
    {
        for (long i = ElementLoop.First; i < y.Length; i += ElementLoop.Step)
            y[i] = x[i] < 0f ? 0f : x[i];
    }

    /// <summary>Writes dX = dY where x is positive, else 0: at 0 the slope is taken as 0.</summary>
    public static void ReluBackward(ArrayView<float> x, ArrayView<float> dY, ArrayView<float> dX)
    {
        for (long i = ElementLoop.First; i < dX.Length; i += ElementLoop.Step)
            dX[i] = x[i] <= 0f ? 0f : dY[i];
    }
}
