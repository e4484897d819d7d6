using System.Numerics;

namespace HeadTap.Reference;

/// <summary>Sums of vectors times factors, element by element, from the first term to the last.</summary>
public static class LinearCombinationReference
{
    public static T[] Forward<T>(params (T Factor, T[] X)[] terms)
        where T : IFloatingPointIeee754<T>
    {
        T[] y = new T[terms[0].X.Length];
        foreach ((T factor, T[] x) in terms)
            for (int i = 0; i < y.Length; i++)
                y[i] += factor * x[i];
        return y;
    }
}
