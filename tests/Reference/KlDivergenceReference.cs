using System.Numerics;

namespace HeadTap.Reference;

/// <summary>KL(p || q) = sum p (log p - log q) of the softmaxes p, q of two rows of logits.</summary>
public static class KlDivergenceReference
{
    public static T[] Forward<T>(T[] targetLogits, T[] logits, int rows) where T : IFloatingPointIeee754<T>
    {
        int V = logits.Length / rows;
        T[] losses = new T[rows];
        for (int r = 0; r < rows; r++)
        {
            T[] logP = CrossEntropyReference.LogSoftmax<T>(targetLogits.AsSpan(r * V, V));
            T[] logQ = CrossEntropyReference.LogSoftmax<T>(logits.AsSpan(r * V, V));
            for (int v = 0; v < V; v++)
                losses[r] += T.Exp(logP[v]) * (logP[v] - logQ[v]);
        }
        return losses;
    }

    public static T[] Backward<T>(T[] targetLogits, T[] logits, int rows, double gradientScale)
        where T : IFloatingPointIeee754<T>
    {
        int V = logits.Length / rows;
        T[] dLogits = new T[logits.Length];
        for (int r = 0; r < rows; r++)
        {
            T[] p = CrossEntropyReference.Softmax<T>(targetLogits.AsSpan(r * V, V));
            T[] q = CrossEntropyReference.Softmax<T>(logits.AsSpan(r * V, V));
            for (int v = 0; v < V; v++)
                dLogits[r * V + v] = (q[v] - p[v]) * T.CreateChecked(gradientScale);
        }
        return dLogits;
    }
}
