namespace HeadTap.Merge;

/// <summary>
/// Products of the Hessian with unit vectors, by central differences of the gradient:
/// <c>D_h v = (g(theta + h v) - g(theta - h v)) / 2h</c>.
/// </summary>
/// <remarks>
/// <c>D_h v = H v + h^2/6 T[v, v, v] + e / h</c>, T the third derivative of the gradient, e the rounding of
/// a float32 gradient. So <c>|D_2h v - D_h v|</c> is 3 times the second term where that is the larger, and
/// 1.1 times the third where that is: it is the error stated, and the step is the power of two times
/// <c>u^(1/3) |theta|</c> (u = 2^-24; the step of central differences for a function whose scale is its
/// argument's) at which it is smallest. It is looked for along H r, r random, for that direction lies
/// towards the largest eigenvalues, where the absolute error is largest.
/// </remarks>
public sealed class HessianProducts
{
    const int FirstPower = -8, LastPower = 2;

    readonly IGradientField _field;
    readonly float[] _above, _below;

    /// <summary>Products with a step that is given.</summary>
    /// <param name="field">The loss.</param>
    /// <param name="step">h, above 0.</param>
    public HessianProducts(IGradientField field, double step)
    {
        ArgumentNullException.ThrowIfNull(field);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(step);
        (_field, Step) = (field, step);
        (_above, _below) = (new float[field.Length], new float[field.Length]);
    }

    /// <summary>h</summary>
    public double Step { get; }

    /// <summary>Numbers of a vector.</summary>
    public int Length => _field.Length;

    /// <summary>Products with the best step.</summary>
    /// <param name="field">The loss.</param>
    /// <param name="random">[n], a vector of norm 1.</param>
    public static HessianProducts WithBestStep(IGradientField field, float[] random)
    {
        ArgumentNullException.ThrowIfNull(field);
        double unit = Math.Cbrt(Math.Pow(2, -24)) * (field.Norm > 0 ? field.Norm : 1);
        var products = new HessianProducts(field, unit);
        double[] along = products.Of(random);
        double norm = Flat.Norm(along);
        float[] v = norm > 0 ? Array.ConvertAll(along, x => (float)(x / norm)) : random;
        double best = unit, least = double.PositiveInfinity;
        double[] last = products.At(v, unit * Math.Pow(2, FirstPower));
        for (int power = FirstPower; power <= LastPower; power++)
        {
            double[] next = products.At(v, unit * Math.Pow(2, power + 1));
            double difference = Flat.Distance(next, last);
            if (difference < least)
                (best, least) = (unit * Math.Pow(2, power), difference);
            last = next;
        }
        return new HessianProducts(field, best);
    }

    /// <summary>H v.</summary>
    /// <param name="v">[n], of norm 1.</param>
    public double[] Of(float[] v) => At(v, Step);

    /// <summary>H v, and an estimate of the norm of its error: that of the change when the step is
    /// doubled.</summary>
    /// <param name="v">[n], of norm 1.</param>
    public (double[] Product, double Error) WithError(float[] v)
    {
        double[] product = At(v, Step);
        return (product, Flat.Distance(At(v, 2 * Step), product));
    }

    double[] At(float[] v, double step)
    {
        _field.Gradient(v, step, _above);
        _field.Gradient(v, -step, _below);
        double[] product = new double[_above.Length];
        Flat.Each(product.Length, (start, end) =>
        {
            for (int i = start; i < end; i++)
                product[i] = ((double)_above[i] - _below[i]) / (2 * step);
        });
        return product;
    }
}
