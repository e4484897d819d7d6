using HeadTap.Models;

namespace HeadTap.Merge.Tests;

/// <summary>The loss <c>1/2 x^T H x + quartic/24 sum x_i^4</c> around a point, with a known Hessian
/// there.</summary>
sealed class Quadratic : IGradientField
{
    readonly double[,] _h;
    readonly double[] _point;
    readonly double _quartic;

    internal Quadratic(double[,] h, double[] point, double quartic = 0)
        => (_h, _point, _quartic) = (h, point, quartic);

    /// <summary>A symmetric matrix with these eigenvalues and random eigenvectors.</summary>
    internal static double[,] WithEigenvalues(double[] values, int seed)
    {
        int n = values.Length;
        double[][] q = Orthonormal(n, seed);
        double[,] h = new double[n, n];
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                for (int k = 0; k < n; k++)
                    h[i, j] += q[k][i] * values[k] * q[k][j];
        return h;
    }

    // Gram and Schmidt, twice, on random vectors.
    static double[][] Orthonormal(int n, int seed)
    {
        var random = new SeededRandom((ulong)seed);
        double[][] q = new double[n][];
        for (int k = 0; k < n; k++)
        {
            q[k] = [.. Enumerable.Range(0, n).Select(_ => random.NextNormal())];
            for (int before = 0; before < 2 * k; before++)
            {
                double[] other = q[before % k];
                double dot = q[k].Zip(other, (a, b) => a * b).Sum();
                q[k] = [.. q[k].Zip(other, (a, b) => a - dot * b)];
            }
            double norm = Math.Sqrt(q[k].Sum(x => x * x));
            q[k] = [.. q[k].Select(x => x / norm)];
        }
        return q;
    }

    public int Length => _point.Length;

    public double Norm => Math.Sqrt(_point.Sum(x => x * x));

    /// <summary>The Hessian at the point.</summary>
    internal double Hessian(int i, int j) => _h[i, j] + (i == j ? _quartic / 2 * _point[i] * _point[i] : 0);

    internal double[] Times(float[] v)
    {
        double[] product = new double[Length];
        for (int i = 0; i < Length; i++)
            for (int j = 0; j < Length; j++)
                product[i] += Hessian(i, j) * v[j];
        return product;
    }

    public void Gradient(float[] direction, double step, float[] gradient)
    {
        for (int i = 0; i < Length; i++)
        {
            double sum = 0;
            for (int j = 0; j < Length; j++)
                sum += _h[i, j] * At(j, direction, step);
            gradient[i] = (float)(sum + _quartic / 6 * Math.Pow(At(i, direction, step), 3));
        }
    }

    double At(int i, float[] direction, double step) => _point[i] + step * direction[i];
}
