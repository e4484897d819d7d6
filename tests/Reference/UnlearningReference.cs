using System.Numerics;

namespace HeadTap.Reference;

/// <summary>What unlearning methods compute, as their equations say, on whole sequences one by one.</summary>
public static class UnlearningReference
{
    /// <summary>sum over rows of coefficient times the row's mean loss, and its gradients.</summary>
    public static ParameterGradients<T> Weighed<T>(Gpt2Sizes sizes, IReadOnlyDictionary<string,
        T[]> parameters,
        IReadOnlyList<int[]> rows, Func<int[], double> coefficient)
        where T : IFloatingPointIeee754<T>
    {
        T loss = T.Zero;
        Dictionary<string, T[]> sum = sizes.Parameters().ToDictionary(p => p.Name,
            p => new T[p.Shape.Aggregate(1, (a, b) => a * b)]);
        foreach (int[] row in rows)
        {
            T factor = T.CreateChecked(coefficient(row));
            ParameterGradients<T> one =
                Gpt2Reference.Backward(sizes, parameters, row, Gpt2Reference.NextTokens(row));
            loss += factor * one.Loss;
            foreach ((string name, T[] gradient) in one.Parameters)
                for (int i = 0; i < gradient.Length; i++)
                    sum[name][i] += factor * gradient[i];
        }
        return new ParameterGradients<T>(loss, sum, []);
    }

    /// <summary>Mean loss over all predicted positions of all rows, and its gradients.</summary>
    public static ParameterGradients<T> Mean<T>(Gpt2Sizes sizes, IReadOnlyDictionary<string, T[]> parameters,
        IReadOnlyList<int[]> rows)
        where T : IFloatingPointIeee754<T>
    {
        double positions = rows.Sum(r => r.Length - 1);
        return Weighed(sizes, parameters, rows, row => (row.Length - 1) / positions);
    }

    /// <summary>The magnitudes in order, the first <paramref name="count"/> masked.</summary>
    public static T[] MaskLowest<T>(T[] scores, T[] weights, int count)
        where T : IFloatingPointIeee754<T>
    {
        T[] masked = (T[])weights.Clone();
        foreach (int i in Enumerable.Range(0, scores.Length).OrderBy(i => T.Abs(scores[i])).ThenBy(i => i)
            .Take(count))
            masked[i] = T.Zero;
        return masked;
    }

    /// <summary>One step of SGD on the scores of one matrix: dS = dL/dW' W sign(S).</summary>
    /// <param name="scores">Stepped.</param>
    /// <param name="momentum">Stepped; its values do not matter at the first step.</param>
    public static void SupermaskStep<T>(T[] scores, T[] momentum, T[] dMasked, T[] weights,
        double lr, double mu, double decay, bool first)
        where T : IFloatingPointIeee754<T>
    {
        T[] dScores = new T[scores.Length];
        for (int i = 0; i < scores.Length; i++)
            dScores[i] = dMasked[i] * weights[i] * (scores[i] < T.Zero ? -T.One : T.One);
        SgdReference.Step(dScores, scores, momentum, lr, mu, 0, decay, false, first, 1);
    }

    /// <summary>
    /// The diagonal of a block-diagonal inverse Fisher matrix by rank-one updates: F^-1 begins as
    /// I / damping; v = F^-1 g, F^-1 -= v v^T / (m + g^T v) for each of m gradients.
    /// </summary>
    public static double[] InverseFisherDiagonal(double[][] gradients, int block, double damping)
    {
        int length = gradients[0].Length, m = gradients.Length;
        double[] diagonal = new double[length];
        for (int first = 0; first < length; first += block)
        {
            int n = Math.Min(block, length - first);
            double[,] inverse = new double[n, n];
            for (int i = 0; i < n; i++)
                inverse[i, i] = 1 / damping;
            foreach (double[] g in gradients)
            {
                double[] v = new double[n];
                double scale = m;
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++)
                        v[i] += inverse[i, j] * g[first + j];
                for (int i = 0; i < n; i++)
                    scale += g[first + i] * v[i];
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++)
                        inverse[i, j] -= v[i] * v[j] / scale;
            }
            for (int i = 0; i < n; i++)
                diagonal[first + i] = inverse[i, i];
        }
        return diagonal;
    }
}
