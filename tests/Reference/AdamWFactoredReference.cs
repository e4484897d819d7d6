using System.Numerics;

namespace HeadTap.Reference;

/// <summary>
/// AdamW whose second moment is Adafactor's: a row's mean times a column's, over the mean of all.
/// </summary>
public static class AdamWFactoredReference
{
    /// <param name="gradient">[rows, K]</param>
    /// <param name="w">[rows, K], moved in place, as are those that follow.</param>
    /// <param name="m">[rows, K], first moment.</param>
    /// <param name="r">[rows], running means of the rows of gradient squared.</param>
    /// <param name="c">[K], running means of its columns.</param>
    public static void Step<T>(
        T[] gradient, T[] w, T[] m, T[] r, T[] c,
        double lr, double beta1, double beta2, double eps, double weightDecay, int t, double gradientScale)
        where T : IFloatingPointIeee754<T>
    {
        int rows = r.Length, K = c.Length;
        T b1 = T.CreateChecked(beta1), b2 = T.CreateChecked(beta2), fresh = T.CreateChecked(1 - beta2);
        T[] g = Array.ConvertAll(gradient, x => x * T.CreateChecked(gradientScale));
        for (int i = 0; i < rows; i++)
        {
            T sum = T.Zero;
            for (int j = 0; j < K; j++)
                sum += g[i * K + j] * g[i * K + j];
            r[i] = b2 * r[i] + fresh * sum / T.CreateChecked(K);
        }
        for (int j = 0; j < K; j++)
        {
            T sum = T.Zero;
            for (int i = 0; i < rows; i++)
                sum += g[i * K + j] * g[i * K + j];
            c[j] = b2 * c[j] + fresh * sum / T.CreateChecked(rows);
        }
        T all = T.Zero;
        foreach (T row in r)
            all += row;
        T mean = all / T.CreateChecked(rows);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < K; j++)
            {
                int at = i * K + j;
                w[at] *= T.CreateChecked(1 - lr * weightDecay);
                m[at] = b1 * m[at] + T.CreateChecked(1 - beta1) * g[at];
                T v = mean == T.Zero ? T.Zero : r[i] * c[j] / mean;
                T mHat = m[at] / T.CreateChecked(1 - Math.Pow(beta1, t));
                T vHat = v / T.CreateChecked(1 - Math.Pow(beta2, t));
                w[at] -= T.CreateChecked(lr) * mHat / (T.Sqrt(vHat) + T.CreateChecked(eps));
            }
        }
    }
}
