using System.Numerics;

namespace HeadTap.Reference;

/// <summary>Softmax cross-entropy as the textbook writes it, with the probabilities spelled out.</summary>
public static class CrossEntropyReference
{
    public static T[] Softmax<T>(ReadOnlySpan<T> x) where T : IFloatingPointIeee754<T>
    {
        T max = T.NegativeInfinity, sum = T.Zero;
        foreach (T value in x)
            max = T.Max(max, value);
        T[] p = new T[x.Length];
        for (int v = 0; v < x.Length; v++)
            sum += p[v] = T.Exp(x[v] - max);
        for (int v = 0; v < x.Length; v++)
            p[v] /= sum;
        return p;
    }

    /// <summary>
    /// x - max - log(sum(exp(x - max))): the logarithm of a probability that may underflow.
    /// </summary>
    public static T[] LogSoftmax<T>(ReadOnlySpan<T> x) where T : IFloatingPointIeee754<T>
    {
        T max = T.NegativeInfinity, sum = T.Zero;
        foreach (T value in x)
            max = T.Max(max, value);
        foreach (T value in x)
            sum += T.Exp(value - max);
        T[] y = new T[x.Length];
        for (int v = 0; v < x.Length; v++)
            y[v] = x[v] - max - T.Log(sum);
        return y;
    }

    public static T[] Forward<T>(T[] logits, int[] targets) where T : IFloatingPointIeee754<T>
    {
        int V = logits.Length / targets.Length;
        T[] losses = new T[targets.Length];
        for (int r = 0; r < losses.Length; r++)
        {
            if (targets[r] >= 0)
                losses[r] = -LogSoftmax<T>(logits.AsSpan(r * V, V))[targets[r]];
        }
        return losses;
    }

    public static T[] Backward<T>(T[] logits, int[] targets, double gradientScale)
        where T : IFloatingPointIeee754<T>
    {
        int V = logits.Length / targets.Length;
        T[] dLogits = new T[logits.Length];
        for (int r = 0; r < targets.Length; r++)
        {
            if (targets[r] < 0)
                continue;
            T[] p = Softmax<T>(logits.AsSpan(r * V, V));
            for (int v = 0; v < V; v++)
                dLogits[r * V + v] = (p[v] - (v == targets[r] ? T.One : T.Zero))
                    * T.CreateChecked(gradientScale);
        }
        return dLogits;
    }
}
