namespace HeadTap.Kernels;

/// <summary>Four floats that one load, one store or one line of kernel code takes together.</summary>
/// <remarks>ILGPU turns loads of aligned quads into 128-bit ones and its arithmetic into scalars in
/// registers.</remarks>
struct Quad(float x, float y, float z, float w)
{
    /// <summary>The first float.</summary>
    public float X = x;

    /// <summary>The second float.</summary>
    public float Y = y;

    /// <summary>The third float.</summary>
    public float Z = z;

    /// <summary>The fourth float.</summary>
    public float W = w;

    internal static Quad All(float value) => new(value, value, value, value);

    internal static Quad Max(Quad a, Quad b)
        => new(MathF.Max(a.X, b.X), MathF.Max(a.Y, b.Y), MathF.Max(a.Z, b.Z), MathF.Max(a.W, b.W));

    internal static Quad Exp(Quad a) => new(MathF.Exp(a.X), MathF.Exp(a.Y), MathF.Exp(a.Z), MathF.Exp(a.W));

    /// <summary>The first <paramref name="count"/>, -infinity for the others.</summary>
    internal static Quad First(Quad a, int count) => new(
        count > 0 ? a.X : float.NegativeInfinity, count > 1 ? a.Y : float.NegativeInfinity,
        count > 2 ? a.Z : float.NegativeInfinity, count > 3 ? a.W : float.NegativeInfinity);

    /// <summary>All but the first <paramref name="count"/>, which become -infinity.</summary>
    internal static Quad From(Quad a, int count) => new(
        count <= 0 ? a.X : float.NegativeInfinity, count <= 1 ? a.Y : float.NegativeInfinity,
        count <= 2 ? a.Z : float.NegativeInfinity, count <= 3 ? a.W : float.NegativeInfinity);

    internal readonly float Largest => MathF.Max(MathF.Max(X, Y), MathF.Max(Z, W));

    internal readonly float Sum => X + Y + Z + W;

    internal readonly float At(int i) => i == 0 ? X : i == 1 ? Y : i == 2 ? Z : W;

    /// <summary>Element by element.</summary>
    public static Quad operator +(Quad a, Quad b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    /// <summary>Element by element.</summary>
    public static Quad operator -(Quad a, Quad b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z, a.W - b.W);

    /// <summary>Element by element.</summary>
    public static Quad operator *(Quad a, Quad b) => new(a.X * b.X, a.Y * b.Y, a.Z * b.Z, a.W * b.W);

    /// <summary>Element by element.</summary>
    public static Quad operator *(Quad a, float b) => new(a.X * b, a.Y * b, a.Z * b, a.W * b);
}
