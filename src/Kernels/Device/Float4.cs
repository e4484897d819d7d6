using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels;

/// <summary>Four floats that one load, one store or one line of kernel code takes together.</summary>
/// <remarks>
/// ILGPU makes one 128-bit load of an aligned value and keeps the four floats in registers.
/// </remarks>
struct Float4(float x, float y, float z, float w)
{
    /// <summary>The first float.</summary>
    public float X = x;

    /// <summary>The second float.</summary>
    public float Y = y;

    /// <summary>The third float.</summary>
    public float Z = z;

    /// <summary>The fourth float.</summary>
    public float W = w;

    /// <summary>
    /// Loads <paramref name="count"/> floats, at most four, <paramref name="step"/> apart; the others are 0.
    /// With <paramref name="wide"/> not 0 four of them are neighbours, aligned to 16 bytes.
    /// </summary>
    internal static Float4 Load(ArrayView<float> from, long at, long step, int count, int wide)
    {
        Float4 f = default;
        if (wide != 0 && count == 4)
            return from.SubView(at, 4).AsAligned(16).Cast<Float4>()[0];
        if (count > 0)
            f.X = from[at];
        if (count > 1)
            f.Y = from[at + step];
        if (count > 2)
            f.Z = from[at + 2 * step];
        if (count > 3)
            f.W = from[at + 3 * step];
        return f;
    }

    internal static Float4 All(float value) => new(value, value, value, value);

    internal static Float4 Max(Float4 a, Float4 b)
        => new(MathF.Max(a.X, b.X), MathF.Max(a.Y, b.Y), MathF.Max(a.Z, b.Z), MathF.Max(a.W, b.W));

    internal static Float4 Exp(Float4 a)
        => new(DeviceMath.Exp(a.X), DeviceMath.Exp(a.Y), DeviceMath.Exp(a.Z), DeviceMath.Exp(a.W));

    /// <summary>The first <paramref name="count"/>, -infinity for the others.</summary>
    internal static Float4 First(Float4 a, int count) => new(
        count > 0 ? a.X : float.NegativeInfinity, count > 1 ? a.Y : float.NegativeInfinity,
        count > 2 ? a.Z : float.NegativeInfinity, count > 3 ? a.W : float.NegativeInfinity);

    /// <summary>All but the first <paramref name="count"/>, which become -infinity.</summary>
    internal static Float4 From(Float4 a, int count) => new(
        count <= 0 ? a.X : float.NegativeInfinity, count <= 1 ? a.Y : float.NegativeInfinity,
        count <= 2 ? a.Z : float.NegativeInfinity, count <= 3 ? a.W : float.NegativeInfinity);

    internal readonly float Largest => MathF.Max(MathF.Max(X, Y), MathF.Max(Z, W));

    internal readonly float Sum => X + Y + Z + W;

    internal readonly float At(int i) => i == 0 ? X : i == 1 ? Y : i == 2 ? Z : W;

    /// <summary>Element by element.</summary>
    public static Float4 operator +(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    /// <summary>Element by element.</summary>
    public static Float4 operator -(Float4 a, Float4 b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z, a.W - b.W);

    /// <summary>Element by element.</summary>
    public static Float4 operator *(Float4 a, Float4 b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    /// <summary>Element by element.</summary>
    public static Float4 operator *(Float4 a, float b) => new(a.X * b, a.Y * b, a.Z * b, a.W * b);
}
