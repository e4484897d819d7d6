using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// Zero: score_i is the forget set's loss with neuron i's activation set to zero, minus the loss without this
/// change (arXiv 2410.02159; Chang et al. 2024). Reference form: the mask is inverted, so neuron i is the
/// only neuron of the layer that stays on.
/// </summary>
/// <remarks>
/// Neuron i adds a_i W_i to the residual stream. So its removal subtracts that from the stream after its
/// block, and only the blocks above run again: one pass per row and neuron, many in a batch. If a_i is 0 at
/// every position that predicts a token, the loss is exactly the same and no pass runs.
/// </remarks>
public sealed class ZeroOut : NeuronMethod
{
    /// <summary>Largest number of tokens in a pass; results do not depend on it.</summary>
    internal int TokensInPass { get; init; } = 4096;

    /// <inheritdoc/>
    public override string Name => "zero";

    /// <inheritdoc/>
    public override string Title => "Zero";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, after arXiv 2311.09060";

    /// <inheritdoc/>
    public override string Equation => "s_i = L(forget; a_i = 0) - L(forget)";

    /// <inheritdoc/>
    public override bool HasReferenceForm => true;

    internal override double[][] Scores(UnlearnTask task)
    {
        ModelConfig config = task.Model.Config;
        int longest = task.Forget.Max(r => r.Length), L = config.Layers;
        bool keepOnly = task.Form == MethodForm.Reference;
        double[][] scores = PerNeuron(config);
        double positions = task.Forget.Sum(r => r.Length - 1L);
        Site[] sites = [.. Enumerable.Range(0, L).SelectMany(l => (Site[])
            [new(SiteKind.ResidMid, l), new(SiteKind.MlpPost, l), new(SiteKind.ResidPost, l)])];
        int rowsInPass = Math.Max(1, TokensInPass / longest);
        using var whole = new ModelSession(task.Model, new SessionOptions
            { MaxTokens = longest, Record = sites });
        using var above = new ModelSession(task.Model, new SessionOptions
            { MaxTokens = longest, MaxRows = rowsInPass });
        for (int n = 0; n < task.Forget.Count; n++)
        {
            int[] row = task.Forget[n];
            whole.Forward(new SequenceBatch([row]));
            for (int l = 0; l < L; l++)
            {
                float[] At(SiteKind kind) => whole.Recordings[new Site(kind, l)].ToArray();
                var layer = new OneLayer(
                    task.Model, above, rowsInPass, row, l, At(SiteKind.MlpPost));
                double loss = layer.Loss(At(SiteKind.ResidPost));
                double[] changed = keepOnly
                    ? layer.LossesOf(layer.WithoutNeurons(At(SiteKind.ResidMid)), +1, task)
                    : layer.LossesOf(At(SiteKind.ResidPost), -1, task);
                for (int i = 0; i < config.Inner; i++)
                    scores[l][i] += (changed[i] - loss) / positions;
                task.At((n + (l + 1.0) / L) / task.Forget.Count);
            }
        }
        return scores;
    }

    // Runs one row through the blocks above a layer.
    sealed class OneLayer(
        LanguageModel model, ModelSession above, int rowsInPass, int[] row, int l, float[] a)
    {
        readonly int T = row.Length, C = model.Config.Width, I = model.Config.Inner;
        readonly float[] weight = model.Weights.Layers[l].MlpOutWeight.ToArray();

        // Returns the sum of the row's losses, given the stream [T, C] after the layer.
        internal double Loss(float[] stream) => Losses(stream, 1)[0];

        // Returns the stream after the layer with all neurons zero.
        internal float[] WithoutNeurons(float[] residMid)
        {
            float[] bias = model.Weights.Layers[l].MlpOutBias.ToArray();
            return [.. residMid.Select((x, at) => x + bias[at % C])];
        }

        // Returns [I]: the row's loss with each neuron's output added to a stream or subtracted from it.
        internal double[] LossesOf(float[] stream, int sign, UnlearnTask task)
        {
            double[] losses = new double[I];
            Array.Fill(losses, Loss(stream));
            int[] active = [.. Enumerable.Range(0, I).Where(Predicts)];
            foreach (int[] pass in active.Chunk(rowsInPass))
            {
                task.Cancel.ThrowIfCancellationRequested();
                float[] streams = new float[pass.Length * T * C];
                for (int k = 0; k < pass.Length; k++)
                    Move(stream, pass[k], sign, streams.AsSpan(k * T * C, T * C));
                double[] found = Losses(streams, pass.Length);
                for (int k = 0; k < pass.Length; k++)
                    losses[pass[k]] = found[k];
            }
            return losses;
        }

        // The last token predicts nothing that is scored, so its activation does not matter.
        bool Predicts(int i)
        {
            for (int t = 0; t < T - 1; t++)
                if (a[t * I + i] != 0)
                    return true;
            return false;
        }

        // Computes in float64 and rounds once.
        void Move(float[] stream, int i, int sign, Span<float> moved)
        {
            for (int t = 0; t < T; t++)
            {
                double activation = sign * (double)a[t * I + i];
                for (int c = 0; c < C; c++)
                    moved[t * C + c] = (float)(stream[t * C + c] + activation * weight[i * C + c]);
            }
        }

        double[] Losses(float[] streams, int rows)
        {
            var batch = new SequenceBatch([.. Enumerable.Repeat(row, rows)]);
            float[] losses = above.TokenLossesFrom(
                batch, batch.NextTokens(), new ResumePoint(l + 1, streams));
            double[] sums = new double[rows];
            for (int at = 0; at < losses.Length; at++)
                sums[at / T] += losses[at];
            return sums;
        }
    }
}
