using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Integrated gradients (Dai et al. 2022, arXiv 2104.08696; arXiv 2410.02159): at each position t from the
/// prompt's last on, the neurons of a layer there are alpha a for alpha from 0 to 1 in even steps, on tokens
/// 0..t; g = d p(token t + 1) / d(alpha a), and
/// score_i = mean over sequences and positions of a_i * mean over alpha of g_i.
/// </summary>
/// <remarks>
/// Rows of a pass are pairs of position and alpha; it goes down to the layer and no further. Cost: sequences
/// x layers x positions x steps rows of as many tokens.
/// </remarks>
public sealed class IntegratedGradients : NeuronMethod
{
    const int TokensInPass = 8192;

    /// <inheritdoc/>
    public override string Name => "integrated-gradients";

    /// <inheritdoc/>
    public override string Title => "Integrated gradients";

    /// <inheritdoc/>
    public override IReadOnlyList<string> Takes => [nameof(MethodOptions.PathSteps)];

    internal override double[][] Scores(UnlearnTask task)
    {
        RequireLongerThanPrompt(task, task.Prompt + 1);
        int steps = OptionRange.AtLeastOne("path-steps", task.Options.PathSteps ?? 20);
        Gpt2Config config = task.Model.Config;
        double[][] scores = PerNeuron(config);
        double positions = task.Forget.Sum(r => Math.Max(0L, r.Length - task.Prompt));
        int longest = task.Forget.Max(r => r.Length) - 1;
        for (int l = 0; l < config.Layers; l++)
        {
            using var path = new Path(task.Model, l, steps, longest);
            for (int n = 0; n < task.Forget.Count; n++)
            {
                path.Add(task.Forget[n], task.Prompt, 1 / (steps * positions), scores[l],
                    task.Cancel);
                task.At((l + (n + 1.0) / task.Forget.Count) / config.Layers);
            }
        }
        return scores;
    }

    // The straight line from 0 to the activations of one layer.
    sealed class Path : IDisposable
    {
        readonly Gpt2Model _model;
        readonly Site _site;
        readonly float[] _alphas;
        readonly int _positionsInPass;
        readonly TensorArena _arena;
        readonly Gpt2Gradients _none;
        readonly Gpt2Session _plain, _graded;

        internal Path(Gpt2Model model, int layer, int steps, int longest)
        {
            (_model, _site) = (model, new Site(SiteKind.MlpPost, layer));
            _alphas = [.. Enumerable.Range(0, steps).Select(s => steps == 1 ? 0f : (float)s / (steps - 1))];
            _positionsInPass = Math.Max(1, TokensInPass / longest / steps);
            _arena = new TensorArena(model.Device, 64, "no gradients of parameters");
            _none = new Gpt2Gradients(_arena, model.Parameters, new HashSet<string>());
            _plain = new Gpt2Session(model, new SessionOptions { MaxTokens = longest, Record = [_site] });
            _graded = new Gpt2Session(model, new SessionOptions
            {
                MaxRows = _positionsInPass * steps, MaxTokens = longest, Backward = true,
                RecordGradients = [_site],
            });
        }

        // Adds scale * a_i * (sum over alphas of g_i), for every position of a row.
        internal void Add(int[] row, int prompt, double scale, double[] scores, CancellationToken cancel)
        {
            if (row.Length <= prompt)
                return;
            _plain.Forward(new SequenceBatch([row[..^1]]));
            float[] a = _plain.Recordings[_site].ToArray();
            foreach (int[] positions in Enumerable.Range(prompt - 1, row.Length - prompt)
                .Chunk(_positionsInPass))
            {
                cancel.ThrowIfCancellationRequested();
                AddPass(row, positions, a, scale, scores);
            }
        }

        void AddPass(int[] row, int[] positions, float[] a, double scale, double[] scores)
        {
            int I = _model.Config.Inner, S = _alphas.Length;
            var batch = new SequenceBatch(
                [.. positions.SelectMany(t => Enumerable.Repeat(row[..(t + 1)], S))]);
            int[] last = [.. batch.Lengths.Select((length, b) => b * batch.T + length - 1)];
            int[] targets = new int[batch.B * batch.T];
            float[] ones = new float[targets.Length];
            Array.Fill(targets, -1);
            Array.Fill(ones, 1f);
            for (int b = 0; b < batch.B; b++)
                targets[last[b]] = row[positions[b / S] + 1];
            float[] losses;
            using (_model.Attach(_alphas.Select((alpha, s) => new Edit
            {
                Site = _site.Name, Operation = EditOperation.Scale, Alpha = alpha,
                Positions = EditPositions.Last,
                Rows = [.. Enumerable.Range(0, positions.Length).Select(p => p * S + s)],
            })))
                losses = _graded.ForwardBackward(batch, targets, ones, _none);
            float[] dLoss = _graded.Gradients[_site].ToArray();
            for (int b = 0; b < batch.B; b++)
            {
                double p = Math.Exp(-losses[last[b]]); // dp = -p dloss
                for (int i = 0; i < I; i++)
                    scores[i] -= scale * p * dLoss[last[b] * I + i] * a[positions[b / S] * I + i];
            }
        }

        public void Dispose()
        {
            _graded.Dispose();
            _plain.Dispose();
            _arena.Dispose();
        }
    }
}
