using System.Numerics;

namespace HeadTap.Reference;

/// <summary>AdamW as its paper and torch.optim write it, one weight at a time.</summary>
public static class AdamWReference
{
    public static void Step<T>(
        T[] gradient, T[] w, T[] m, T[] v,
        double lr, double beta1, double beta2, double eps, double weightDecay, int t, double gradientScale)
        where T : IFloatingPointIeee754<T>
    {
        T b1 = T.CreateChecked(beta1), b2 = T.CreateChecked(beta2);
        for (int i = 0; i < w.Length; i++)
        {
            T g = gradient[i] * T.CreateChecked(gradientScale);
            w[i] *= T.CreateChecked(1 - lr * weightDecay);
            m[i] = b1 * m[i] + T.CreateChecked(1 - beta1) * g;
            v[i] = b2 * v[i] + T.CreateChecked(1 - beta2) * g * g;
            T mHat = m[i] / T.CreateChecked(1 - Math.Pow(beta1, t));
            T vHat = v[i] / T.CreateChecked(1 - Math.Pow(beta2, t));
            w[i] -= T.CreateChecked(lr) * mHat / (T.Sqrt(vHat) + T.CreateChecked(eps));
        }
    }
}
