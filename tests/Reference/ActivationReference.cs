using System.Numerics;

namespace HeadTap.Reference;

/// <summary>The activations and their slopes as the textbook writes them.</summary>
public static class ActivationReference
{
    public static T GeluTanh<T>(T x) where T : IFloatingPointIeee754<T>
        => Half<T>() * x * OnePlusTanh(Inner(x));

    public static T GeluTanhSlope<T>(T x) where T : IFloatingPointIeee754<T>
    {
        T u = Inner(x);
        T slope = T.Sqrt(T.CreateChecked(2) / T.Pi) * (T.One + T.CreateChecked(3 * 0.044715) * x * x);
        return Half<T>() * OnePlusTanh(u) + Half<T>() * x * OnePlusTanh(u) * OnePlusTanh(-u) * slope;
    }

    public static T GeluExact<T>(T x) where T : IFloatingPointIeee754<T> => x * NormalReference.Below(x);

    public static T GeluExactSlope<T>(T x) where T : IFloatingPointIeee754<T>
        => NormalReference.Below(x) + x * T.Exp(-(x * x) * Half<T>()) / T.Sqrt(T.CreateChecked(2) * T.Pi);

    public static T Relu<T>(T x) where T : IFloatingPointIeee754<T> => x > T.Zero ? x : T.Zero;

    public static T ReluSlope<T>(T x) where T : IFloatingPointIeee754<T> => x > T.Zero ? T.One : T.Zero;

    /// <summary>
    /// 1 + tanh u. Below 0 as 2 e^(2u) / (1 + e^(2u)): at x = -8 the sum has no digit left, even in float64,
    /// and the oracle would call a right kernel wrong.
    /// </summary>
    static T OnePlusTanh<T>(T u) where T : IFloatingPointIeee754<T>
        => u < T.Zero ? (T.Exp(u + u) + T.Exp(u + u)) / (T.One + T.Exp(u + u)) : T.One + T.Tanh(u);

    static T Half<T>() where T : IFloatingPointIeee754<T> => T.CreateChecked(0.5);

    static T Inner<T>(T x) where T : IFloatingPointIeee754<T>
        => T.Sqrt(T.CreateChecked(2) / T.Pi) * (x + T.CreateChecked(0.044715) * x * x * x);
}
