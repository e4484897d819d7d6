using ILGPU;
using ILGPU.Util;

namespace HeadTap.Kernels;

/// <summary>
/// Functions of one value that mean the same on every device. MathF's are not: for CUDA, ILGPU turns Tanh
/// into tanh.approx (11 bits), Exp into ex2.approx of a rounded product (1.2e-6 relative at -10) and Log into
/// lg2.approx. Square roots and divisions are correctly rounded there.
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

    // ln 2 = Ln2High + Ln2Low; the first has 9 bits, so its product with a whole number below 2^15 is exact.
    const float Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;

    // 1.5 * 2^23: a sum with it has no room for a fraction, and its last bits are the whole number.
    const float RoundsToWhole = 12582912f;
    const int BitsOfRounds = 0x4B400000;

    // From here on e^x is infinity, and from here downwards 0.
    const float ExpEnd = 89f, ExpStart = -104f;

    /// <summary>1 / sqrt(2 pi)</summary>
    internal const float InverseSqrt2Pi = 0.398942280f;

    /// <summary>The cubic term of GELU's tanh form.</summary>
    internal const float GeluCubic = 0.044715f;

    /// <summary>e^x, at most one unit in the last place from the exact value.</summary>
    /// <remarks>
    /// k = round(x / ln 2) and r = x - k ln 2, ln 2 in two terms (Cody and Waite, "Software Manual for the
    /// Elementary Functions", 1980, chapter 6); e^r by a polynomial of our own exchange fit, relative error
    /// 3.3e-9 before rounding; then 2^k in two factors, so that results below 2^-126 round once.
    /// </remarks>
    internal static float Exp(float x)
    {
        // Beyond, e^x is 0 or infinity; NaN compares false and stays. Selections, not branches: ILGPU 1.5.3
        // declares branches on some values uniform that are not (PtxBranches, in the tests).
        float bounded = Utilities.Select(x > ExpEnd, ExpEnd, x);
        bounded = Utilities.Select(bounded < ExpStart, ExpStart, bounded);
        float shifted = bounded * Log2E + RoundsToWhole;
        float k = shifted - RoundsToWhole;
        float r = bounded - k * Ln2High - k * Ln2Low;
        float p = 0.00138131448f;
        p = p * r + 0.00836941879f;
        p = p * r + 0.041668456f;
        p = p * r + 0.166665152f;
        p = p * r + 0.49999994f;
        p = p * r * r + r + 1f;
        int whole = (int)Interop.FloatAsInt(shifted) - BitsOfRounds;
        int half = whole >> 1;
        return p * PowerOfTwo(half) * PowerOfTwo(whole - half);
    }

    /// <summary>
    /// The natural logarithm, at most one unit in the last place from the exact value; -infinity of 0, NaN
    /// below.
    /// </summary>
    /// <remarks>
    /// x = 2^e (1 + f), 1 + f between sqrt(1/2) and sqrt(2); ln(1 + f) = f - f^2/2 + f^3 q(f), q by our own
    /// exchange fit, relative error 5.8e-9 before rounding.
    /// </remarks>
    internal static float Log(float x)
    {
        bool subnormal = x < 1.17549435e-38f;
        int bits = (int)Interop.FloatAsInt(Utilities.Select(subnormal, x * 8388608f, x));
        int e = (bits - 0x3F3504F3) >> 23; // the bits of sqrt(1/2)
        float f = Interop.IntAsFloat((uint)(bits - (e << 23))) - 1f;
        float q = -0.0763449892f;
        q = q * f + 0.12761578f;
        q = q * f - 0.131601825f;
        q = q * f + 0.142017573f;
        q = q * f - 0.166233569f;
        q = q * f + 0.200012267f;
        q = q * f - 0.250008196f;
        q = q * f + 0.333333313f;
        float k = Utilities.Select(subnormal, e - 23, e);
        float log = f * f * (f * q - 0.5f) + k * Ln2Low + f + k * Ln2High;
        log = Utilities.Select(x < float.PositiveInfinity, log, x);
        return Utilities.Select(x > 0f, log, Utilities.Select(x == 0f, float.NegativeInfinity, float.NaN));
    }

    // 2^n, n between -126 and 127.
    static float PowerOfTwo(int n) => Interop.IntAsFloat((uint)(n + 127) << 23);

    /// <summary>x / (1 + e^(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3): GELU's tanh form.</summary>
    internal static float GeluTanh(float x)
        => x / (1f + Exp(-2f * (Sqrt2OverPi * x * (1f + GeluCubic * x * x))));

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
