namespace HeadTap.Lens;

/// <summary>
/// The plain mean over prompts of their Jacobians, as a running sum in float64: the same prompts in the same
/// order give the same bits.
/// </summary>
/// <param name="sources">Number of matrices.</param>
/// <param name="C">Width of the stream.</param>
sealed class JacobianSums(int sources, int C)
{
    /// <summary>[sources][C, C]: sums over prompts of their means over V.</summary>
    internal double[][] Sum { get; } = [.. Enumerable.Range(0, sources).Select(_ => new double[C * C])];

    /// <summary>n: number of prompts so far.</summary>
    internal int Prompts { get; set; }

    /// <summary>Adds a prompt.</summary>
    /// <param name="prompt">[sources][C, C]: sums over V.</param>
    /// <param name="positions">|V|.</param>
    /// <returns>delta_n = mean over sources of |J_n - J_(n-1)|_F / |J_n|_F with J_n the mean so far; null for
    /// the first prompt.</returns>
    internal double? Add(float[][] prompt, int positions)
    {
        int n = ++Prompts;
        double delta = 0;
        for (int s = 0; s < Sum.Length; s++)
        {
            double moved = 0, size = 0;
            double[] sum = Sum[s];
            for (int i = 0; i < sum.Length; i++)
            {
                double before = sum[i];
                sum[i] += prompt[s][i] / (double)positions;
                double mean = sum[i] / n, step = n > 1 ? mean - before / (n - 1) : mean;
                (moved, size) = (moved + step * step, size + mean * mean);
            }
            delta += Math.Sqrt(moved / size) / Sum.Length;
        }
        return n > 1 ? delta : null;
    }

    /// <summary>Returns the mean of a source, [C, C].</summary>
    internal float[] Mean(int source) => Array.ConvertAll(Sum[source], v => (float)(v / Prompts));

    /// <summary>Returns |J - I|_F / sqrt(C) of the last source.</summary>
    internal double DistanceFromIdentity()
    {
        double sum = 0;
        for (int i = 0; i < C; i++)
            for (int j = 0; j < C; j++)
            {
                double off = Sum[^1][i * C + j] / Prompts - (i == j ? 1 : 0);
                sum += off * off;
            }
        return Math.Sqrt(sum / C);
    }
}
