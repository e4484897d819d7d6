namespace HeadTap.Kernels;

/// <summary>
/// The vector operations that host bodies are written in. One body, three widths: the JIT compiles
/// <c>Body&lt;Width512, Vector512&lt;float&gt;&gt;</c> and its 256- and 128-bit twins from the same text.
/// </summary>
/// <remarks>Loads and stores need no alignment. Sums over lanes have a fixed order for a width.</remarks>
public unsafe interface ISimd<TVector> where TVector : struct
{
    /// <summary>Floats in a vector: 4, 8 or 16.</summary>
    static abstract int Lanes { get; }

    /// <summary>Reads <see cref="Lanes"/> floats.</summary>
    static abstract TVector Load(float* source);

    /// <summary>Writes <see cref="Lanes"/> floats.</summary>
    static abstract void Store(TVector value, float* destination);

    /// <summary>Reads <see cref="Lanes"/> bytes with sign, as floats.</summary>
    static abstract TVector LoadBytes(sbyte* source);

    /// <summary>Reads <see cref="Lanes"/> bytes without sign, as floats.</summary>
    static abstract TVector LoadBytes(byte* source);

    /// <summary>
    /// Writes each lane, cut towards zero, as a byte with or without sign; it must lie in [-128, 255].
    /// </summary>
    static abstract void StoreBytes(TVector value, byte* destination);

    /// <summary>The same value in every lane.</summary>
    static abstract TVector Create(float value);

    /// <summary>a + b</summary>
    static abstract TVector Add(TVector a, TVector b);

    /// <summary>a - b</summary>
    static abstract TVector Subtract(TVector a, TVector b);

    /// <summary>a * b</summary>
    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary>a / b, correctly rounded.</summary>
    static abstract TVector Divide(TVector a, TVector b);

    /// <summary>a * b + c, rounded once where the processor can.</summary>
    static abstract TVector MultiplyAdd(TVector a, TVector b, TVector c);

    /// <summary>The larger of each pair; NaN if either is.</summary>
    static abstract TVector Max(TVector a, TVector b);

    /// <summary>The smaller of each pair; NaN if either is.</summary>
    static abstract TVector Min(TVector a, TVector b);

    /// <summary>
    /// x within [low, high]; NaN stays NaN. One instruction a bound, where Max and Min take three.
    /// </summary>
    static abstract TVector Clamp(TVector x, TVector low, TVector high);

    /// <summary>Square root, correctly rounded.</summary>
    static abstract TVector Sqrt(TVector a);

    /// <summary>|a|</summary>
    static abstract TVector Abs(TVector a);

    /// <summary>Nearest whole number, ties to even.</summary>
    static abstract TVector Round(TVector a);

    /// <summary>2^n for whole n in [-126, 127], built from the exponent bits.</summary>
    static abstract TVector PowerOfTwo(TVector n);

    /// <summary>x * 2^n for whole n in [-252, 254], rounded once: results may be subnormal.</summary>
    static abstract TVector Scale(TVector x, TVector n);

    /// <summary>Lanes of <paramref name="yes"/> where a &lt; b, else of <paramref name="no"/>.</summary>
    static abstract TVector IfLess(TVector a, TVector b, TVector yes, TVector no);

    /// <summary>Magnitude of <paramref name="a"/> with the sign of <paramref name="sign"/>.</summary>
    static abstract TVector CopySign(TVector a, TVector sign);

    /// <summary>Sum over lanes.</summary>
    static abstract float Sum(TVector a);

    /// <summary>Largest lane; NaN if any is.</summary>
    static abstract float MaxLane(TVector a);
}
