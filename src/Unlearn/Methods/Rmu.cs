using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// RMU (Li et al. 2024, arXiv 2403.03218, equations 1 and 2): with h the stream behind a layer,
/// loss = mean |h - c u|^2 over the forget set + alpha mean |h - h_original|^2 over as many keep rows, means
/// over positions and width; u is random with entries in [0, 1) and length 1. The feed-forward parameters of
/// that layer and the two below it are trained.
/// </summary>
public sealed class Rmu : TrainingMethod
{
    /// <inheritdoc/>
    public override string Name => "rmu";

    /// <inheritdoc/>
    public override string Title => "RMU";

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Gradient;

    /// <inheritdoc/>
    public override bool NeedsKeep => true;

    /// <inheritdoc/>
    public override float LearningRate => 1e-3f;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Takes => [.. base.Takes,
        nameof(MethodOptions.Layer), nameof(MethodOptions.Strength), nameof(MethodOptions.Alpha)];

    internal override void Check(UnlearnTask task)
    {
        int layers = task.Model.Config.Layers;
        if (task.Options.Layer is { } layer && (layer < 0 || layer >= layers))
            throw new UserException($"layer is {layer}; this model has layers 0 to {layers - 1}");
        OptionRange.Positive("strength", task.Options.Strength ?? 1f);
        OptionRange.NotNegative("alpha", task.Options.Alpha ?? 1f);
    }

    internal override IReadOnlySet<string> Trained(UnlearnTask task)
        => task.Model.Parameters.InBlocks(Roles.Mlp,
            Enumerable.Range(0, 3).Select(below => Layer(task) - below).Where(l => l >= 0))
            .Select(s => s.Name).ToHashSet();

    internal override StepLoss Loss(UnlearnTask task, RowTrainer trainer)
        => new SteeringLoss(task, trainer.Passes, Layer(task));

    static int Layer(UnlearnTask task) => task.Options.Layer ?? (task.Model.Config.Layers - 1) / 2;

    /// <summary>Both terms of a step.</summary>
    internal sealed class SteeringLoss : StepLoss
    {
        const ulong Stream = 0x726D75; // apart from orders of rows

        readonly UnlearnTask _task;
        readonly RowGradients _passes;
        readonly Site _site;
        readonly OriginalModel _original;
        readonly RowCycle _keep;
        readonly float[] _wanted;
        readonly double _alpha;

        internal SteeringLoss(UnlearnTask task, RowGradients passes, int layer)
        {
            (_task, _passes, _site) = (task, passes, new Site(SiteKind.ResidPost, layer));
            _alpha = task.Options.Alpha ?? 1f;
            _keep = new RowCycle(task.Keep, task.Seed);
            _original = new OriginalModel(task.Model, new SessionOptions
            {
                MaxRows = passes.RowsInPass, Record = [_site],
                MaxTokens = task.Forget.Concat(task.Keep).Max(r => r.Length),
            });
            try
            {
                _wanted = Steering(task.Seed, task.Options.Strength ?? 2 * MeanLength());
            }
            catch
            {
                _original.Dispose();
                throw;
            }
        }

        /// <summary>c u [C]</summary>
        internal float[] Wanted => _wanted;

        internal override double Add(IReadOnlyList<int[]> rows, int[] batch)
            => Add([.. batch.Select(b => rows[b])], 1, original: false)
                + Add(_keep.Next(batch.Length), _alpha, original: true);

        /// <summary>Adds factor * mean |h - target|^2 of rows, and its gradient.</summary>
        /// <param name="rows">Token ids.</param>
        /// <param name="factor">Of the term.</param>
        /// <param name="original">Whether the target is the original model's stream, not c u.</param>
        internal double Add(int[][] rows, double factor, bool original)
        {
            double scale = factor / (rows.Sum(r => (long)r.Length) * _wanted.Length), loss = 0;
            foreach (int[][] pass in rows.Chunk(_passes.RowsInPass))
            {
                var batch = new SequenceBatch([.. pass]);
                float[]? held = original ? Original(batch) : null;
                float[] gradient = [];
                // No word is looked at: one position's loss, times 0, is the least that a pass needs.
                int[] targets = new int[batch.B * batch.T];
                Array.Fill(targets, -1);
                targets[0] = 0;
                using (_task.Model.Attach(Edit.Call(_site.Name,
                    at => { (double sum, gradient) = Squares(at, batch.T, held, scale); loss += sum; },
                    at => gradient.CopyTo(at.Values, 0))))
                    _passes.Session.ForwardBackward(batch, targets, _passes.Gradients, 0f);
            }
            return loss;
        }

        public override void Dispose()
        {
            _original.Dispose();
            base.Dispose();
        }

        (double Loss, float[] Gradient) Squares(EditContext at, int T, float[]? held, double scale)
        {
            float[] gradient = new float[at.Values.Length];
            int C = at.Width;
            double loss = 0;
            for (int r = 0; r < at.Rows.Count; r++)
                for (int c = 0; c < C; c++)
                {
                    int from = ((at.Rows[r].BatchRow * T) + at.Rows[r].Position) * C + c;
                    double apart = at.Values[r * C + c] - (double)(held is null ? _wanted[c] : held[from]);
                    loss += scale * apart * apart;
                    gradient[r * C + c] = (float)(2 * scale * apart);
                }
            return (loss, gradient);
        }

        // c times a direction whose components are all positive.
        float[] Steering(ulong seed, double c)
        {
            var random = new SeededRandom(seed, Stream);
            double[] u = [.. Enumerable.Range(0, _task.Model.Config.Width).Select(_ => random.NextDouble())];
            double length = Math.Sqrt(u.Sum(x => x * x));
            return [.. u.Select(x => (float)(c * x / length))];
        }

        float[] Original(SequenceBatch batch)
        {
            _original.Session.Forward(batch);
            return _original.Session.Recordings[_site].ToArray();
        }

        // Of the stream there on the forget set: no one length suits every model.
        double MeanLength()
        {
            double sum = 0;
            foreach (int[] row in _task.Forget)
                sum += Original(new SequenceBatch([row])).Chunk(_task.Model.Config.Width)
                    .Sum(h => Math.Sqrt(h.Sum(x => (double)x * x)));
            return sum / _task.Forget.Sum(r => r.Length);
        }
    }
}
