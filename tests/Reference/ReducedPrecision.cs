namespace HeadTap.Reference;

/// <summary>Numbers as tensor cores take them, rounded in float64 arithmetic.</summary>
public static class ReducedPrecision
{
    /// <summary>
    /// Nearest TF32 number: 10 bits after the point, ties away from zero, the exponents of float32.
    /// </summary>
    public static float Tf32(float value) => Rounded(value, 10, MidpointRounding.AwayFromZero);

    /// <summary>
    /// Nearest BF16 number: 7 bits after the point, ties to even, the exponents of float32.
    /// </summary>
    public static float Bf16(float value) => Rounded(value, 7, MidpointRounding.ToEven);

    static float Rounded(float value, int bits, MidpointRounding ties)
    {
        if (value == 0f || !float.IsFinite(value))
            return value;
        // below 2^-126 steps stay the same
        double unit = Math.ScaleB(1, Math.Max(Math.ILogB(value), -126) - bits);
        return (float)(Math.Round(value / unit, ties) * unit);
    }
}
