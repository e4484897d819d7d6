using System.Numerics;

namespace HeadTap.Reference;

/// <summary>The nonlinearities of GPT-2 models and their slopes, named as config.json names them.</summary>
public static class Gpt2Activation
{
    public static TReal Value<TReal>(string name, TReal x)
        where TReal : IFloatingPointIeee754<TReal> => name switch
    {
        "gelu_new" => x / Number<TReal>(2) * (TReal.One + TReal.Tanh(TanhArgument(x))),
        "gelu" => x * NormalCdf(x),
        "relu" => x > TReal.Zero ? x : TReal.Zero,
        _ => throw new ArgumentException(name),
    };

    public static TReal Slope<TReal>(string name, TReal x) where TReal : IFloatingPointIeee754<TReal>
    {
        TReal half = Number<TReal>(0.5);
        switch (name)
        {
            case "gelu_new":
                TReal t = TReal.Tanh(TanhArgument(x));
                TReal dArgument = TReal.Sqrt(Number<TReal>(2) / TReal.Pi)
                    * (TReal.One + Number<TReal>(3 * 0.044715) * x * x);
                return half * (TReal.One + t) + half * x * (TReal.One - t * t) * dArgument;
            case "gelu":
                TReal density = TReal.Exp(-half * x * x) / TReal.Sqrt(Number<TReal>(2) * TReal.Pi);
                return NormalCdf(x) + x * density;
            case "relu":
                return x > TReal.Zero ? TReal.One : TReal.Zero;
            default:
                throw new ArgumentException(name);
        }
    }

    /// <summary><c>(1 + erf(x / sqrt 2)) / 2</c>, without cancellation where it is small.</summary>
    public static TReal NormalCdf<TReal>(TReal x) where TReal : IFloatingPointIeee754<TReal>
    {
        TReal half = Number<TReal>(0.5), u = TReal.Abs(x) * TReal.Sqrt(half);
        bool near = u < Number<TReal>(2);
        TReal tail = near ? half - half * ErfSeries(u) : half * ErfcFraction(u); // beyond |x|
        return x < TReal.Zero ? tail : TReal.One - tail;
    }

    // 2 / sqrt(pi) exp(-u^2) (u + 2 u^3 / 3 + 4 u^5 / 15 + ...): no term is negative.
    static TReal ErfSeries<TReal>(TReal u) where TReal : IFloatingPointIeee754<TReal>
    {
        TReal term = u, sum = u;
        for (int n = 1; n < 100; n++)
        {
            term *= Number<TReal>(2) * u * u / Number<TReal>(2 * n + 1);
            sum += term;
        }
        return Number<TReal>(2) / TReal.Sqrt(TReal.Pi) * TReal.Exp(-u * u) * sum;
    }

    // exp(-u^2) / sqrt(pi) / (u + (1/2) / (u + 1 / (u + (3/2) / (u + ...)))), from the inside out.
    static TReal ErfcFraction<TReal>(TReal u) where TReal : IFloatingPointIeee754<TReal>
    {
        TReal fraction = u;
        for (int n = 200; n >= 1; n--)
            fraction = u + Number<TReal>(n / 2.0) / fraction;
        return TReal.Exp(-u * u) / TReal.Sqrt(TReal.Pi) / fraction;
    }

    static TReal TanhArgument<TReal>(TReal x) where TReal : IFloatingPointIeee754<TReal> =>
        TReal.Sqrt(Number<TReal>(2) / TReal.Pi) * (x + Number<TReal>(0.044715) * x * x * x);

    static TReal Number<TReal>(double value) where TReal : IFloatingPointIeee754<TReal> =>
        TReal.CreateChecked(value);
}
