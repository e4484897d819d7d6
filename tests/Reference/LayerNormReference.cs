using System.Numerics;

namespace HeadTap.Reference;

/// <summary>
/// LayerNorm as the textbook writes it, for any floating-point type. With double it is the
/// oracle; with float it is the yardstick that says how much error plain float32 loops make.
/// </summary>
public static class LayerNormReference
{
    public static (T[] Y, T[] Mean, T[] Rstd) Forward<T>(T[] x, T[] weight, T[] bias, int rows, double eps)
        where T : IFloatingPointIeee754<T>
    {
        int C = weight.Length;
        T n = T.CreateChecked(C);
        (T[] y, T[] mean, T[] rstd) = (new T[x.Length], new T[rows], new T[rows]);
        for (int r = 0; r < rows; r++)
        {
            T m = T.Zero, v = T.Zero;
            for (int c = 0; c < C; c++)
                m += x[r * C + c];
            m /= n;
            for (int c = 0; c < C; c++)
                v += (x[r * C + c] - m) * (x[r * C + c] - m);
            T s = T.One / T.Sqrt(v / n + T.CreateChecked(eps));
            for (int c = 0; c < C; c++)
                y[r * C + c] = (x[r * C + c] - m) * s * weight[c] + bias[c];
            (mean[r], rstd[r]) = (m, s);
        }
        return (y, mean, rstd);
    }

    public static (T[] DX, T[] DWeight, T[] DBias) Backward<T>(T[] x, T[] weight, T[] mean, T[] rstd, T[] dY)
        where T : IFloatingPointIeee754<T>
    {
        int C = weight.Length;
        T n = T.CreateChecked(C);
        (T[] dX, T[] dWeight, T[] dBias) = (new T[x.Length], new T[C], new T[C]);
        for (int r = 0; r < mean.Length; r++)
        {
            T meanG = T.Zero, meanGx = T.Zero;
            for (int c = 0; c < C; c++)
            {
                int i = r * C + c;
                T xhat = (x[i] - mean[r]) * rstd[r];
                meanG += dY[i] * weight[c] / n;
                meanGx += dY[i] * weight[c] * xhat / n;
                dWeight[c] += dY[i] * xhat;
                dBias[c] += dY[i];
            }
            for (int c = 0; c < C; c++)
            {
                int i = r * C + c;
                T xhat = (x[i] - mean[r]) * rstd[r];
                dX[i] = rstd[r] * (dY[i] * weight[c] - meanG - xhat * meanGx);
            }
        }
        return (dX, dWeight, dBias);
    }
}
