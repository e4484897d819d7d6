using System.Numerics;

namespace HeadTap.Reference;

/// <summary>SGD with momentum as torch.optim writes it, one weight at a time.</summary>
public static class SgdReference
{
    public static void Step<T>(
        T[] gradient, T[] w, T[] buffer,
        double lr, double momentum, double dampening, double weightDecay, bool nesterov, bool first,
        double gradientScale)
        where T : IFloatingPointIeee754<T>
    {
        T mu = T.CreateChecked(momentum);
        for (int i = 0; i < w.Length; i++)
        {
            T g = gradient[i] * T.CreateChecked(gradientScale) + T.CreateChecked(weightDecay) * w[i];
            if (momentum != 0)
            {
                buffer[i] = first ? g : mu * buffer[i] + T.CreateChecked(1 - dampening) * g;
                g = nesterov ? g + mu * buffer[i] : buffer[i];
            }
            w[i] -= T.CreateChecked(lr) * g;
        }
    }
}
