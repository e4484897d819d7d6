namespace HeadTap.Kernels;

/// <summary>
/// Functions of one value that mean the same on every device. MathF.Tanh is not among them: ILGPU turns it
/// into tanh.approx, 11 bits, on sm_75 and later, so GELU is written through e^x instead.
/// </summary>
static class DeviceMath
{
    // (z + K) Phi(-z) e^(z^2/2) as a polynomial in q = (z - K) / (z + K), which maps z = 0..infinity to
    // -1..1: the form of Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x",
    // Mathematics of Computation 36 (1981). Coefficients by our own exchange fit, relative error 1.5e-9
    // before rounding.
    internal const float TailScale = 4f; // so that z = 0, q = -1 and a half of the tail are exact
    internal const float Tail0 = 0.755285144f, Tail1 = -0.607896626f, Tail2 = 0.387137413f;
    internal const float Tail3 = -0.186522245f, Tail4 = 0.060396377f, Tail5 = -0.00753710279f;
    internal const float Tail6 = -0.00347911543f, Tail7 = 0.00162040116f, Tail8 = 0.000132619854f;
    internal const float Tail9 = -0.000213728301f, Tail10 = -1.29222781e-06f, Tail11 = 2.0445852e-05f;

    /// <summary>Where e^(-z^2/2) is 0 in float32 and nothing of the tail is left.</summary>
    internal const float TailEnd = 15f;

    /// <summary>sqrt(2 / pi)</summary>
    internal const float Sqrt2OverPi = 0.797884561f;

    /// <summary>log2(e): e^x = 2^(x log2 e)</summary>
    internal const float Log2E = 1.44269504f;

    /// <summary>1 / sqrt(2 pi)</summary>
    internal const float InverseSqrt2Pi = 0.398942280f;

    /// <summary>The cubic term of GELU's tanh form.</summary>
    internal const float GeluCubic = 0.044715f;

    /// <summary>x / (1 + e^(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3): GELU's tanh form.</summary>
    internal static float GeluTanh(float x)
        => x / (1f + MathF.Exp(-2f * (Sqrt2OverPi * x * (1f + GeluCubic * x * x))));

    /// <summary>
    /// Phi(x) = (1 + erf(x / sqrt 2)) / 2, the share of a standard normal below x, given
    /// <paramref name="density"/> = e^(-x^2/2).
    /// </summary>
    internal static float NormalBelow(float x, float density)
    {
        float z = x < 0f ? -x : x;
        z = z > TailEnd ? TailEnd : z; // infinity / infinity is NaN; NaN itself compares false and stays
        float inverse = 1f / (z + TailScale);
        float q = 1f - 2f * TailScale * inverse;
        float p = Tail11;
        p = p * q + Tail10;
        p = p * q + Tail9;
        p = p * q + Tail8;
        p = p * q + Tail7;
        p = p * q + Tail6;
        p = p * q + Tail5;
        p = p * q + Tail4;
        p = p * q + Tail3;
        p = p * q + Tail2;
        p = p * q + Tail1;
        p = p * q + Tail0;
        float tail = p * inverse * density;
        return x < 0f ? tail : 1f - tail;
    }
}
