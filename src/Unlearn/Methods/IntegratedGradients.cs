using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// Integrated gradients (Dai et al. 2022, arXiv 2104.08696; arXiv 2410.02159). For each position t from the
/// prompt's last token on, and each layer, the neurons at t are set to alpha a, with alpha from 0 to 1 in
/// even steps; the input is tokens 0..t. With g = d p(token t + 1) / d(alpha a), score_i = mean over
/// sequences and positions of a_i * mean over alpha of g_i.
/// </summary>
/// <remarks>
/// Cost: one forward pass per sequence. Then, per position, layer and step, one token goes forward and
/// backward through the blocks above the layer and attends to the sequence's stored keys and values
/// (<see cref="NeuronLoss"/>). No edits may be attached to the model.
/// </remarks>
public sealed class IntegratedGradients : NeuronMethod
{
    /// <summary>Largest number of single tokens in a pass.</summary>
    internal int TokensInPass { get; init; } = 1024;

    /// <inheritdoc/>
    public override string Name => "integrated-gradients";

    /// <inheritdoc/>
    public override string Title => "Integrated gradients";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, after arXiv 2104.08696";

    /// <inheritdoc/>
    public override string Equation =>
        "s_i = mean over rows and positions t >= N - 1 of a_i (1/S) sum over alpha of dp(token t + "
        + "1)/d(alpha a_i); alpha goes from 0 to 1 in S steps at position t alone";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [PathSteps];

    /// <summary>Number of steps S of the path; at least 1.</summary>
    public static MethodOption PathSteps { get; } = MethodOption.Whole(
        "PathSteps", 20, OptionRange.AtLeastOne, "steps S of the path from 0 to the activation");

    internal override double[][] Scores(UnlearnTask task)
    {
        RequireLongerThanPrompt(task, task.Prompt + 1);
        int steps = task.Options.Whole(PathSteps);
        ModelConfig config = task.Model.Config;
        double[][] scores = PerNeuron(config);
        double positions = task.Forget.Sum(r => Math.Max(0L, r.Length - task.Prompt));
        int longest = task.Forget.Max(r => r.Length) - 1;
        long most = (long)(longest - task.Prompt + 1) * steps;
        using var loss = new NeuronLoss(task.Model, (int)Math.Min(most, TokensInPass), longest);
        for (int n = 0; n < task.Forget.Count; n++)
        {
            int[] row = task.Forget[n];
            if (row.Length <= task.Prompt)
                continue;
            loss.Begin(row[..^1]);
            for (int l = 0; l < config.Layers; l++)
            {
                var path = new Path(loss, l, steps, row);
                path.Add(task.Prompt - 1, 1 / (steps * positions), scores[l], task.Cancel);
                task.At((n + (l + 1.0) / config.Layers) / task.Forget.Count);
            }
        }
        return scores;
    }

    // The straight line from 0 to the activations of one layer, at each position of one row.
    sealed class Path(NeuronLoss loss, int layer, int steps, int[] row)
    {
        readonly float[] _a = loss.Neurons(layer);

        // Adds scale * a_i * (sum over alphas of g_i) for every position from `first` on.
        internal void Add(int first, double scale, double[] scores, CancellationToken cancel)
        {
            IEnumerable<(int Position, float Alpha)> points =
                from t in Enumerable.Range(first, row.Length - 1 - first)
                from s in Enumerable.Range(0, steps)
                select (t, steps == 1 ? 0f : (float)s / (steps - 1));
            foreach ((int Position, float Alpha)[] pass in points.Chunk(loss.MaxTrials))
            {
                cancel.ThrowIfCancellationRequested();
                AddPass(pass, scale, scores);
            }
        }

        void AddPass((int Position, float Alpha)[] points, double scale, double[] scores)
        {
            int I = scores.Length;
            float[] neurons = new float[points.Length * I];
            for (int n = 0; n < points.Length; n++)
                for (int i = 0; i < I; i++)
                    neurons[n * I + i] = points[n].Alpha * _a[points[n].Position * I + i];
            (float[] losses, float[] dLoss) = loss.Run(layer, [.. points.Select(p => p.Position)],
                [.. points.Select(p => row[p.Position + 1])], neurons);
            for (int n = 0; n < points.Length; n++)
            {
                double p = Math.Exp(-losses[n]); // dp = -p dloss
                for (int i = 0; i < I; i++)
                    scores[i] -= scale * p * dLoss[n * I + i] * _a[points[n].Position * I + i];
            }
        }
    }
}
