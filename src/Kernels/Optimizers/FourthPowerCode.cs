// Numbers in 8 bits: the code's fourth power, times what code 1 stands for.
//
//     value = ±(code * unit)^4        unit = largest^(1/4) / most
//
// Codes are 0..most; the largest value of a block has the code most. From one code to the next a value
// changes by 4 / code of itself: 3 % at the largest of 127 codes, 10 % at a hundredth of it; half of that
// is the error of rounding to nearest. Code 1 stands for 3.8e-9 (of 127 codes) or 2.4e-10 (of 255) of the
// largest, where equal steps would lose what is below 4e-3. Two square roots and a product: no table, no
// logarithm. The dynamic tree of Dettmers, Lewis, Shleifer and Zettlemoyer ("8-bit optimizers via
// block-wise quantization", 2022) gives half its codes to the largest decade and half of the rest to the
// next: its steps grow from 1.4 % to 14 % of a value within a decade.
//
// The unit is the fourth root of a value, so none leaves float32's range or loses bits among subnormals.

namespace HeadTap.Kernels;

/// <summary>8-bit codes of a block of values, as kernels compute them.</summary>
static class FourthPowerCode
{
    /// <summary>Values that share a unit.</summary>
    internal const int BlockLength = 256;

    /// <summary>Largest magnitude of a code with sign, for first moments.</summary>
    internal const int MostSigned = 127;

    /// <summary>Largest code without sign, for second moments.</summary>
    internal const int MostUnsigned = 255;

    // Below the fourth root of every positive float (1.1e-11): keeps 0/0 out of blocks of zeros.
    const float LeastRoot = 1e-12f;

    /// <summary>x^(1/4) of x at least 0.</summary>
    internal static float Root(float x) => MathF.Sqrt(MathF.Sqrt(x));

    /// <summary>The value of a code, with its sign.</summary>
    internal static float Value(int code, float unit)
    {
        float root = code * unit, square = root * root, value = square * square;
        return code < 0 ? -value : value;
    }

    /// <summary>
    /// |x|, and infinity for NaN: a comparison drops NaN, but infinity becomes the unit of its block.
    /// </summary>
    internal static float Magnitude(float x)
    {
        float magnitude = MathF.Abs(x);
        return magnitude <= float.MaxValue ? magnitude : float.PositiveInfinity;
    }

    /// <summary>Codes for each unit of the fourth root: <c>most / root</c>.</summary>
    internal static float CodesPerRoot(float largestRoot, int most)
        => most / (largestRoot > LeastRoot ? largestRoot : LeastRoot);

    /// <summary>The code nearest to x, which is 0 or more.</summary>
    internal static int Nearest(float x, float codesPerRoot, int most)
    {
        float position = Root(x) * codesPerRoot + 0.5f;
        return position < most ? (int)position : most; // NaN too: its block is lost by its unit
    }
}
