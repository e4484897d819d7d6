using System.Numerics;

namespace HeadTap.Reference;

/// <summary>erf and the normal distribution, to the last digits of whatever type they are asked in.</summary>
public static class NormalReference
{
    /// <summary>erf(x) = 2/sqrt(pi) e^(-x^2) (x + 2x^3/3 + 4x^5/15 + ...): all terms of one sign.</summary>
    public static T Erf<T>(T x) where T : IFloatingPointIeee754<T>
    {
        if (T.IsNaN(x))
            return x;
        T a = T.Abs(x);
        if (a > T.CreateChecked(3))
            return T.CopySign(T.One - Erfc(a), x);
        T term = x, sum = x;
        for (int n = 1; n < 200; n++)
        {
            term = term * (x + x) * x / T.CreateChecked(2 * n + 1);
            sum += term;
        }
        return T.CreateChecked(2) / T.Sqrt(T.Pi) * T.Exp(-(x * x)) * sum;
    }

    /// <summary>erfc(x) = 1 - erf(x), without the subtraction where it would cancel.</summary>
    public static T Erfc<T>(T x) where T : IFloatingPointIeee754<T>
    {
        T two = T.CreateChecked(2);
        if (!(x > two)) // and NaN
            return T.One - Erf(x);
        if (x > T.CreateChecked(40))
            return T.Zero;
        // Continued fraction: e^(-x^2)/sqrt(pi) / (x + (1/2)/(x + 1/(x + (3/2)/(x + ...)))).
        T tail = x;
        for (int n = 120; n > 0; n--)
            tail = x + T.CreateChecked(n) / two / tail;
        return T.Exp(-(x * x)) / T.Sqrt(T.Pi) / tail;
    }

    /// <summary>Phi(x), the share of a standard normal below x.</summary>
    public static T Below<T>(T x) where T : IFloatingPointIeee754<T>
        => Erfc(-x / T.Sqrt(T.CreateChecked(2))) / T.CreateChecked(2);
}
