using System.Numerics;

namespace HeadTap.Reference;

/// <summary>Sums, one element after the other.</summary>
public static class ReductionReference
{
    public static T Sum<T>(T[] x) where T : IFloatingPointIeee754<T>
    {
        T sum = T.Zero;
        foreach (T value in x)
            sum += value;
        return sum;
    }

    public static T Dot<T>(T[] a, T[] b) where T : IFloatingPointIeee754<T>
    {
        T sum = T.Zero;
        for (int i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    public static T Norm<T>(T[] x) where T : IFloatingPointIeee754<T> => T.Sqrt(Dot(x, x));

    public static T[] RowSums<T>(T[] x, int rows) where T : IFloatingPointIeee754<T>
        => [.. x.Chunk(x.Length / rows).Select(Sum)];

    public static T[] ColumnSums<T>(T[] x, int rows) where T : IFloatingPointIeee754<T>
    {
        T[] sums = new T[x.Length / rows];
        for (int i = 0; i < x.Length; i++)
            sums[i % sums.Length] += x[i];
        return sums;
    }
}
