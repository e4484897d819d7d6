using System.Numerics;

namespace HeadTap.Reference;

/// <summary>Rows of a matrix, each times its factor; 0 gives zeros, whatever was there.</summary>
public static class ScaleRowsReference
{
    public static T[] Forward<T>(T[] x, T[] factors)
        where T : IFloatingPointIeee754<T>
    {
        T[] y = new T[x.Length];
        int n = factors.Length == 0 ? 0 : x.Length / factors.Length;
        for (int i = 0; i < x.Length; i++)
            y[i] = T.IsZero(factors[i / n]) ? T.Zero : x[i] * factors[i / n];
        return y;
    }
}
