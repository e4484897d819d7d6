using System.Numerics;
using System.Runtime.InteropServices;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Sums g g^T over gradients g for blocks of consecutive elements, in float64. Each block stores its lower
/// triangle, row by row. The last block may be smaller.
/// </summary>
/// <param name="length">Number of elements of the gradient.</param>
/// <param name="block">Number of elements per block.</param>
sealed class BlockFisher(int length, int block)
{
    readonly double[][] _sums = [.. Enumerable.Range(0, (length - 1) / block + 1)
        .Select(b => new double[Triangle(Math.Min(block, length - b * block))])];

    /// <summary>Returns the bytes of the sums for that many elements.</summary>
    internal static long Bytes(long length, int block)
        => (length / block * Triangle(block) + Triangle((int)(length % block))) * sizeof(double);

    /// <summary>Adds g g^T of one gradient to each block.</summary>
    internal void Add(float[] gradient) => Blocks(b =>
    {
        double[] sums = _sums[b], g = Part(gradient, b);
        for (int i = 0, row = 0; i < g.Length; row += ++i)
            AddScaled(g.AsSpan(0, i + 1), g[i], sums.AsSpan(row, i + 1));
    });

    /// <summary>Returns the diagonal of <c>(damping I + sum / count)^-1</c>.</summary>
    internal double[] InverseDiagonal(int count, double damping)
    {
        double[] diagonal = new double[length];
        Blocks(b =>
        {
            double[] factor = Array.ConvertAll(_sums[b], s => s / count);
            int n = Math.Min(block, length - b * block);
            for (int i = 0; i < n; i++)
                factor[Triangle(i) + i] += damping;
            Factor(factor, n);
            InvertFactor(factor, n);
            // F^-1 = L^-T L^-1, so a diagonal element is the sum of squares of a column of L^-1.
            for (int j = 0; j < n; j++)
                for (int i = j; i < n; i++)
                    diagonal[b * block + j] += factor[Triangle(i) + j] * factor[Triangle(i) + j];
        });
        return diagonal;
    }

    static int Triangle(int n) => n * (n + 1) / 2;

    // Rows of L overwrite those of F = L L^T (Cholesky).
    static void Factor(double[] a, int n)
    {
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= i; j++)
            {
                double sum = a[Triangle(i) + j];
                for (int k = 0; k < j; k++)
                    sum -= a[Triangle(i) + k] * a[Triangle(j) + k];
                a[Triangle(i) + j] = i == j ? Math.Sqrt(sum) : sum / a[Triangle(j) + j];
            }
    }

    // L^-1 overwrites L: element j of a row needs only columns from j on of that row, and the rows above,
    // which already hold L^-1.
    static void InvertFactor(double[] a, int n)
    {
        for (int i = 0; i < n; i++)
        {
            double pivot = a[Triangle(i) + i];
            for (int j = 0; j < i; j++)
            {
                double sum = 0;
                for (int k = j; k < i; k++)
                    sum += a[Triangle(i) + k] * a[Triangle(k) + j];
                a[Triangle(i) + j] = -sum / pivot;
            }
            a[Triangle(i) + i] = 1 / pivot;
        }
    }

    static void AddScaled(Span<double> x, double factor, Span<double> y)
    {
        Span<Vector<double>> xs = MemoryMarshal.Cast<double, Vector<double>>(x);
        Span<Vector<double>> ys = MemoryMarshal.Cast<double, Vector<double>>(y);
        for (int i = 0; i < xs.Length; i++)
            ys[i] += factor * xs[i];
        for (int i = xs.Length * Vector<double>.Count; i < x.Length; i++)
            y[i] += factor * x[i];
    }

    double[] Part(float[] values, int b)
    {
        double[] part = new double[Math.Min(block, length - b * block)];
        for (int i = 0; i < part.Length; i++)
            part[i] = values[b * block + i];
        return part;
    }

    void Blocks(Action<int> body) => Parallel.For(0, _sums.Length,
        new ParallelOptions { MaxDegreeOfParallelism = ComputeDevice.HostThreadCount }, body);
}
