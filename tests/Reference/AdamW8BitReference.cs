using System.Numerics;

namespace HeadTap.Reference;

/// <summary>
/// AdamW whose moments are codes of 8 bits, one weight at a time: a code c stands for sign(c) (|c| unit)^4,
/// where the unit belongs to a block of weights.
/// </summary>
/// <param name="w">[n], moved in place.</param>
/// <param name="m">[n], codes of the first moment.</param>
/// <param name="v">[n], codes of the second moment.</param>
/// <param name="units">[2 blocks], of m and v in turn.</param>
public sealed class AdamW8BitReference<T>(T[] w, sbyte[] m, byte[] v, T[] units)
    where T : IFloatingPointIeee754<T>
{
    const int Block = 256;

    public T[] Weight { get; } = w;

    public sbyte[] M { get; } = m;

    public byte[] V { get; } = v;

    public T[] Units { get; } = units;

    /// <summary>[n], what m and v became before they were coded.</summary>
    public T[] NewM { get; } = new T[w.Length];

    public T[] NewV { get; } = new T[w.Length];

    public void Step(
        T[] gradient, double lr, double beta1, double beta2, double eps, double weightDecay, int t,
        double gradientScale)
    {
        for (int i = 0; i < Weight.Length; i++)
        {
            NewM[i] = Value(M[i], Units[2 * (i / Block)]);
            NewV[i] = Value(V[i], Units[2 * (i / Block) + 1]);
        }
        AdamWReference.Step(
            gradient, Weight, NewM, NewV, lr, beta1, beta2, eps, weightDecay, t, gradientScale);
        for (int first = 0; first < Weight.Length; first += Block)
        {
            int count = Math.Min(Block, Weight.Length - first), unit = 2 * (first / Block);
            Units[unit] = Root(NewM.AsSpan(first, count)) / T.CreateChecked(127);
            Units[unit + 1] = Root(NewV.AsSpan(first, count)) / T.CreateChecked(255);
            for (int i = first; i < first + count; i++)
            {
                M[i] = (sbyte)(T.Sign(NewM[i]) * EightBitCode.Nearest(T.Abs(NewM[i]), Units[unit]));
                int code = EightBitCode.Nearest(NewV[i], Units[unit + 1]);
                V[i] = (byte)Math.Max(code, T.Sign(NewV[i])); // never 0 for v > 0
            }
        }
    }

    static T Value(int code, T unit)
    {
        T root = T.CreateChecked(Math.Abs(code)) * unit;
        return T.CreateChecked(Math.Sign(code)) * root * root * root * root;
    }

    static T Root(ReadOnlySpan<T> values)
    {
        T largest = T.Zero;
        foreach (T value in values)
            largest = T.Max(largest, T.Abs(value));
        return T.Sqrt(T.Sqrt(largest));
    }
}

/// <summary>The rounding of a code.</summary>
public static class EightBitCode
{
    /// <summary>The code nearest to x at least 0; halves go up.</summary>
    public static int Nearest<T>(T x, T unit) where T : IFloatingPointIeee754<T> => unit == T.Zero ? 0
        : int.CreateTruncating(T.Sqrt(T.Sqrt(x)) / unit + T.CreateChecked(0.5));
}
