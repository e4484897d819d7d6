using System.Numerics.Tensors;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>Products of float64 matrices whose long axis is summed, on all cores; each sum has one
/// order.</summary>
static class RowProducts
{
    const int Tile = 16, Chunk = 32;

    /// <summary><c>X Y^T</c> [a, b] of X [a, n] and Y [b, n].</summary>
    internal static double[] OfRows(double[] x, double[] y, int n)
    {
        int a = x.Length / n, b = y.Length / n;
        double[] product = new double[a * b];
        HostParallel.Ranges(a, Tile, (first, end) =>
        {
            // A tile of Y stays in the cache while the rows of X pass.
            for (int tile = 0; tile < b; tile += Tile)
                for (int i = (int)first; i < end; i++)
                    for (int j = tile; j < Math.Min(tile + Tile, b); j++)
                        product[i * b + j] = TensorPrimitives.Dot<double>(
                            x.AsSpan(i * n, n), y.AsSpan(j * n, n));
        });
        return product;
    }

    /// <summary>Adds <c>X^T Y</c> into a sum [a, b], of X [rows, a] and Y [rows, b].</summary>
    internal static void AddOfColumns(double[] x, double[] y, int a, int b, double[] sum)
    {
        int rows = x.Length / a;
        HostParallel.Ranges(a, Tile, (first, end) =>
        {
            for (int chunk = 0; chunk < rows; chunk += Chunk)
                for (int i = (int)first; i < end; i++)
                    for (int r = chunk; r < Math.Min(chunk + Chunk, rows); r++)
                    {
                        Span<double> to = sum.AsSpan(i * b, b);
                        TensorPrimitives.MultiplyAdd(y.AsSpan(r * b, b), x[r * a + i], to, to);
                    }
        });
    }

    /// <summary><c>X R</c> [rows, n] of X [rows, n] and R [n, n].</summary>
    internal static double[] Turned(double[] x, double[] r, int n)
    {
        int rows = x.Length / n;
        double[] turned = new double[x.Length];
        HostParallel.Ranges(rows, Tile, (first, end) =>
        {
            for (int row = (int)first; row < end; row++)
                for (int c = 0; c < n; c++)
                {
                    Span<double> to = turned.AsSpan(row * n, n);
                    TensorPrimitives.MultiplyAdd(r.AsSpan(c * n, n), x[row * n + c], to, to);
                }
        });
        return turned;
    }

    /// <summary>X^T [columns, rows] of X [rows, columns].</summary>
    internal static double[] Transposed(double[] x, int columns)
    {
        int rows = x.Length / columns;
        double[] transposed = new double[x.Length];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                transposed[c * rows + r] = x[r * columns + c];
        return transposed;
    }
}
