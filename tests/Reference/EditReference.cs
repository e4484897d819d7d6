using System.Numerics;

namespace HeadTap.Reference;

/// <summary>Edits of listed rows [.., stride] in columns [column, column + width), in place.</summary>
public static class EditReference
{
    /// <summary>
    /// x += alpha * values; values [width], or [n, width] with one row for each listed one.
    /// </summary>
    public static void Add<T>(
        int[] rowIds, T[] values, T[] x, int stride, int column, int width, double alpha)
        where T : IFloatingPointIeee754<T>
    {
        for (int n = 0; n < rowIds.Length; n++)
            for (int c = 0; c < width && rowIds[n] >= 0; c++)
                x[rowIds[n] * stride + column + c]
                    += T.CreateChecked(alpha) * values[values.Length == width ? c : n * width + c];
    }

    /// <summary>x = values, which are as in <see cref="Add"/>.</summary>
    public static void Replace<T>(int[] rowIds, T[] values, T[] x, int stride, int column, int width)
        where T : IFloatingPointIeee754<T>
    {
        for (int n = 0; n < rowIds.Length; n++)
            for (int c = 0; c < width && rowIds[n] >= 0; c++)
                x[rowIds[n] * stride + column + c] = values[values.Length == width ? c : n * width + c];
    }

    /// <summary>x *= factor; 0 gives zeros, whatever was there.</summary>
    public static void Scale<T>(int[] rowIds, T[] x, int stride, int column, int width, double factor)
        where T : IFloatingPointIeee754<T>
    {
        foreach (int row in rowIds)
            for (int c = 0; c < width && row >= 0; c++)
                x[row * stride + column + c] =
                    factor == 0 ? T.Zero : x[row * stride + column + c] * T.CreateChecked(factor);
    }

    /// <summary>x -= strength * (x . u) u</summary>
    public static void ProjectOut<T>(int[] rowIds, T[] u, T[] x, int stride, int column, double strength)
        where T : IFloatingPointIeee754<T>
    {
        foreach (int row in rowIds)
        {
            if (row < 0)
                continue;
            T product = T.Zero;
            for (int c = 0; c < u.Length; c++)
                product += x[row * stride + column + c] * u[c];
            for (int c = 0; c < u.Length; c++)
                x[row * stride + column + c] -= T.CreateChecked(strength) * product * u[c];
        }
    }

    /// <summary>The mean over the listed rows, written over each of them and returned.</summary>
    public static T[] Mean<T>(int[] rowIds, T[] x, int stride, int column, int width)
        where T : IFloatingPointIeee754<T>
    {
        T[] mean = new T[width];
        int[] rows = [.. rowIds.Where(row => row >= 0)];
        for (int c = 0; c < width; c++)
        {
            foreach (int row in rows)
                mean[c] += x[row * stride + column + c];
            mean[c] /= T.CreateChecked(rows.Length);
            foreach (int row in rows)
                x[row * stride + column + c] = mean[c];
        }
        return mean;
    }
}
