using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// Activations: score_i is the mean of a_i over all sequences and positions from the prompt's last token on,
/// times ||row i of the output matrix|| (arXiv 2410.02159; Chang et al. 2024, arXiv 2311.09060). The mean is
/// signed.
/// </summary>
public sealed class Activations : NeuronMethod
{
    /// <inheritdoc/>
    public override string Name => "activations";

    /// <inheritdoc/>
    public override string Title => "Activations";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, after arXiv 2311.09060";

    /// <inheritdoc/>
    public override string Equation =>
        "s_i = mean over rows and positions >= N - 1 of a_i, times the norm of row i of the output matrix";

    internal override double[][] Scores(UnlearnTask task)
    {
        RequireLongerThanPrompt(task, task.Prompt);
        ModelConfig config = task.Model.Config;
        int I = config.Inner;
        Site[] sites = [.. Enumerable.Range(0, config.Layers).Select(l => new Site(SiteKind.MlpPost, l))];
        double[][] sums = PerNeuron(config);
        long positions = 0;
        using var session = new ModelSession(task.Model,
            new SessionOptions { MaxTokens = task.Forget.Max(r => r.Length), Record = sites });
        for (int n = 0; n < task.Forget.Count; n++)
        {
            int[] row = task.Forget[n];
            if (row.Length < task.Prompt)
                continue;
            session.Forward(new SequenceBatch([row]));
            positions += row.Length - task.Prompt + 1;
            foreach (Site site in sites)
            {
                float[] a = session.Recordings[site].ToArray();
                for (int t = task.Prompt - 1; t < row.Length; t++)
                    for (int i = 0; i < I; i++)
                        sums[site.Layer][i] += a[t * I + i];
            }
            task.At((n + 1.0) / task.Forget.Count);
        }
        for (int l = 0; l < sums.Length; l++)
        {
            float[] weight = task.Model.Weights.Layers[l].MlpOutWeight.ToArray();
            for (int i = 0; i < I; i++)
                sums[l][i] *= Norm(weight.AsSpan(i * config.Width, config.Width)) / positions;
        }
        return sums;
    }

    static double Norm(ReadOnlySpan<float> row)
    {
        double squares = 0;
        foreach (float w in row)
            squares += (double)w * w;
        return Math.Sqrt(squares);
    }
}
