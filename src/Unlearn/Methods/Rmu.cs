using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// RMU (Li et al. 2024, arXiv 2403.03218, equations 1 and 2): loss = mean |h - c u|^2 on forget rows + alpha
/// mean |h - h_original|^2 on as many keep rows. h is the residual stream after a layer, means are over
/// positions and width, and u is a random vector of length 1 without negative entries. It trains the
/// feed-forward parameters of that layer and the two below it.
/// </summary>
public sealed class Rmu : TrainingMethod
{
    /// <inheritdoc/>
    public override string Name => "rmu";

    /// <inheritdoc/>
    public override string Title => "RMU";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2403.03218, equations 1 and 2";

    /// <inheritdoc/>
    public override string Equation =>
        "down mean (h - c u)^2 on forget + alpha mean (h - h_original)^2 on keep, h the stream after "
        + "a layer; trains the feed-forward parameters of that layer and the two below it";

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Gradient;

    /// <inheritdoc/>
    public override bool NeedsKeep => true;

    /// <inheritdoc/>
    public override MethodOption LearningRate { get; } = StepOptions.LearningRate(1e-3);

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [.. base.Options, Alpha, SteeredLayer, Strength];

    /// <summary>Weight alpha of the keep rows' term; at least 0.</summary>
    public static MethodOption Alpha { get; } = MethodOption.Number(
        "Alpha", 1, OptionRange.NotNegative, "weight of the distance from the original stream on keep");

    /// <summary>Index of the layer after which h is read; (L - 1) / 2 unless given.</summary>
    public static MethodOption SteeredLayer { get; } = MethodOption.Whole(
        "Layer", null, OptionRange.AtLeastZero, "layer after which the stream is steered")
        with { DefaultText = "(L - 1) / 2" };

    /// <summary>
    /// Length c of the target vector, above 0; twice the mean length of h on forget rows unless given.
    /// </summary>
    public static MethodOption Strength { get; } = MethodOption.Number(
        "Strength", null, OptionRange.Positive, "length c of the vector to which the stream is steered")
        with { DefaultText = "twice the mean length of h on forget" };

    internal override void Check(UnlearnTask task)
    {
        int layers = task.Model.Config.Layers;
        if (Layer(task) is var layer && layer >= layers)
            throw new UserException($"{Field.Of("Layer")} is {layer}; this model has layers 0 to "
                + $"{layers - 1}");
    }

    internal override IReadOnlySet<string> Trained(UnlearnTask task)
        => task.Model.Parameters.InBlocks(Roles.Mlp,
            Enumerable.Range(0, 3).Select(below => Layer(task) - below).Where(l => l >= 0))
            .Select(s => s.Name).ToHashSet();

    internal override IReadOnlyList<Site> Recorded(UnlearnTask task) => [Site.ResidPost(Layer(task))];

    internal override StepLoss Loss(UnlearnTask task, RowTrainer trainer)
        => new SteeringLoss(task, trainer.Passes, Layer(task));

    static int Layer(UnlearnTask task) => task.Options.Gives(SteeredLayer)
        ? task.Options.Whole(SteeredLayer) : (task.Model.Config.Layers - 1) / 2;

    /// <summary>The loss of a step: both terms and their gradients.</summary>
    internal sealed class SteeringLoss : StepLoss
    {
        const ulong Stream = 0x726D75; // differs from the streams that order rows

        readonly UnlearnTask _task;
        readonly RowGradients _passes;
        readonly Site _site;
        readonly OriginalModel _original;
        readonly RowCycle _keep;
        readonly float[] _wanted;
        readonly double _alpha;

        internal SteeringLoss(UnlearnTask task, RowGradients passes, int layer)
        {
            (_task, _passes, _site) = (task, passes, Site.ResidPost(layer));
            _alpha = task.Options.Number(Alpha);
            _keep = new RowCycle(task.Keep, task.Seed);
            _original = new OriginalModel(task.Model, new SessionOptions
            {
                MaxRows = passes.RowsInPass, Record = [_site],
                MaxTokens = task.Forget.Concat(task.Keep).Max(r => r.Length),
            });
            try
            {
                _wanted = Steering(task.Seed, task.Options.Gives(Strength)
                    ? task.Options.Number(Strength) : 2 * MeanLength());
            }
            catch
            {
                _original.Dispose();
                throw;
            }
        }

        /// <summary>The target of the forget rows, c u [C].</summary>
        internal float[] Wanted => _wanted;

        internal override double Add(IReadOnlyList<int[]> rows, int[] batch)
            => Add([.. batch.Select(b => rows[b])], 1, original: false)
                + Add(_keep.Next(batch.Length), _alpha, original: true);

        /// <summary>
        /// Adds the gradient of factor * mean |h - target|^2 over rows, and returns that loss.
        /// </summary>
        /// <param name="rows">Token ids of the rows.</param>
        /// <param name="factor">Weight of the term.</param>
        /// <param name="original">True if the target is the original model's stream, false if it is c
        /// u.</param>
        internal double Add(int[][] rows, double factor, bool original)
        {
            double scale = factor / (rows.Sum(r => (long)r.Length) * _wanted.Length), loss = 0;
            foreach (int[][] pass in rows.Chunk(_passes.RowsInPass))
            {
                var batch = new SequenceBatch([.. pass]);
                float[]? held = original ? Original(batch) : null;
                _passes.Session.Forward(batch);
                float[] h = _passes.Session.Recordings[_site].ToArray();
                (double sum, float[] gradient) = Squares(batch, h, held, scale);
                loss += sum;
                _passes.Session.Backward(_site, gradient, _passes.Gradients);
            }
            return loss;
        }

        public override void Dispose()
        {
            _original.Dispose();
            base.Dispose();
        }

        // Returns scale * sum |h - target|^2 over the rows' tokens without padding, and its gradient [B T,
        // C].
        (double Loss, float[] Gradient) Squares(SequenceBatch batch, float[] h, float[]? held, double scale)
        {
            float[] gradient = new float[h.Length];
            int C = _wanted.Length;
            double loss = 0;
            for (int b = 0; b < batch.B; b++)
                for (int at = b * batch.T * C; at < (b * batch.T + batch.Lengths[b]) * C; at++)
                {
                    double apart = h[at] - (double)(held is null ? _wanted[at % C] : held[at]);
                    loss += scale * apart * apart;
                    gradient[at] = (float)(2 * scale * apart);
                }
            return (loss, gradient);
        }

        // Returns c u. No component of u is negative.
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

        // Returns the mean length of h on the forget set: no fixed length suits every model.
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
