using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Result of one training step.</summary>
/// <param name="Step">Number of the step, from 1.</param>
/// <param name="Losses">[layers]: mean KL before the step, nats; NaN for a layer whose training has
/// ended.</param>
/// <param name="LearningRate">Learning rate of this step.</param>
/// <param name="Positions">Number of positions in this step.</param>
public sealed record LensStep(int Step, IReadOnlyList<double> Losses, float LearningRate, int Positions);

/// <summary>
/// Trains the lenses of several layers together; one forward pass of the model serves all of them. The loss
/// of a layer is KL(model || lens), with the lens logits summed over the layer's heads (Attention Lens,
/// equation 1). Two trainers with the same inputs give the same bits on any number of threads.
/// </summary>
public sealed class LensTrainer : IDisposable
{
    readonly LensTrainingOptions _options;
    readonly DocumentRows _rows;
    readonly LensActivations _activations;
    readonly TensorArena _arena;
    readonly VocabularyKl _kl;
    readonly List<LayerTraining> _layers = [];

    /// <summary>Creates a trainer at step 0; the lenses keep their parameters.</summary>
    /// <param name="lens">Lenses, trained in place; they must outlive the trainer.</param>
    /// <param name="options">Options of the training.</param>
    /// <param name="rows">Rows of the training texts.</param>
    /// <exception cref="UserException">Training does not fit the device, or the lenses are logit
    /// lenses.</exception>
    public LensTrainer(LensSet lens, LensTrainingOptions options, DocumentRows rows)
    {
        ArgumentNullException.ThrowIfNull(lens);
        ArgumentNullException.ThrowIfNull(options);
        if (lens.Options.Kind is LensKind.Logit or LensKind.Jacobian)
            throw new UserException("a logit lens or a Jacobian lens has nothing to train");
        (Lens, _options, _rows) = (lens, options, rows);
        LanguageModel model = lens.Model;
        int positions = options.PositionsAtOnce(model.Config);
        _arena = new TensorArena(model.Device, Floats(lens, options), "moments and scratch of the lenses");
        try
        {
            (_kl, UpdateBlock? block) = CutShared(_arena, lens[lens.Layers[0]], options, positions,
                lens.Layers.Count);
            foreach (int layer in lens.Layers)
                _layers.Add(new LayerTraining(lens[layer], options.Moments, _arena, block, positions));
            _activations = new LensActivations(model, lens.Layers, [lens.Options.Kind], options.BatchRows,
                options.TokensAtOnce(model.Config), positions);
        }
        catch
        {
            _arena.Dispose();
            throw;
        }
    }

    /// <summary>The lenses that are trained.</summary>
    public LensSet Lens { get; }

    /// <summary>Number of steps done.</summary>
    public int Step { get; internal set; }

    /// <summary>Place in the texts where the next step's rows begin.</summary>
    public RowPosition Position
    {
        get => _rows.Position;
        internal set => _rows.Position = value;
    }

    internal IReadOnlyList<LayerTraining> Layers => _layers;

    /// <summary>
    /// Returns the number of floats for moments, features and scratch; parameters and the model's activations
    /// are not included.
    /// </summary>
    public static long Floats(LensSet lens, LensTrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(lens);
        ArgumentNullException.ThrowIfNull(options);
        return Floats(lens[lens.Layers[0]], options, lens.Layers.Count);
    }

    /// <summary>Makes one optimiser step for every layer whose training has not ended.</summary>
    /// <exception cref="UserException">A loss is not finite; the weights of that layer are not
    /// changed.</exception>
    public LensStep Next()
    {
        _activations.Clear();
        for (int i = 0; i < _options.Accumulation; i++)
        {
            SequenceBatch rows = _rows.Next(_options.BatchRows);
            _activations.Add(rows,
                _options.Positions.Of(rows, _options.Seed, (long)Step * _options.Accumulation + i));
        }
        int n = _activations.Count;
        float rate = _options.Schedule.Rate(Step + 1, _options.Steps, _options.Optimizer.LearningRate);
        AdamWOptions adam = _options.Optimizer;
        var step = new AdamWStep(rate, adam.Beta1, adam.Beta2, adam.Epsilon, adam.WeightDecay, Step + 1);
        LayerTraining[] active = [.. _layers.Where(l => !l.Done)];
        foreach (LayerTraining layer in active)
            layer.Begin(_activations.Of(layer.Lens.Layer), _activations.Capacity);
        if (_options.Clip > 0)
        {
            _kl.Run(_activations.Target, [.. active.Select(l => l.NormTerm(Step + 1))], 1f / n);
            foreach (LayerTraining layer in active)
                layer.Clip(_options.Clip);
        }
        _kl.Run(_activations.Target, [.. active.Select(l => l.StepTerm(step))], 1f / n);
        foreach (LayerTraining layer in active)
            layer.StepInner(step);
        Step++;
        return new LensStep(Step, [.. _layers.Select(l => l.Done ? double.NaN : l.MeanLoss)], rate, n);
    }

    /// <summary>
    /// Returns the mean KL of each layer on other rows, nats, at positions chosen by the training options.
    /// Parameters and the place in the training texts are not changed.
    /// </summary>
    /// <param name="texts">Rows to evaluate.</param>
    /// <param name="rowLimit">Largest number of rows.</param>
    public IReadOnlyList<double> Evaluate(DocumentRows texts, int rowLimit)
    {
        ArgumentNullException.ThrowIfNull(texts);
        foreach (LayerTraining layer in _layers)
            layer.Lens.Prepare(_activations.Capacity);
        return MeanOver(texts, rowLimit, () =>
        {
            foreach (LayerTraining layer in _layers)
                layer.Begin(_activations.Of(layer.Lens.Layer), null);
            _kl.Run(_activations.Target, [.. _layers.Select(l => l.LossTerm())], 1f);
            return _layers.Select(l => l.MeanLoss);
        });
    }

    /// <summary>
    /// Returns the mean KL of the logit lens, nats, at the same positions as <see cref="Evaluate"/>. It reads
    /// the sum of the heads' results or, for a lens of the stream, the same stream as the lens.
    /// </summary>
    /// <param name="texts">Rows to evaluate.</param>
    /// <param name="rowLimit">Largest number of rows.</param>
    /// <exception cref="UserException">The logit lens does not fit the device.</exception>
    public IReadOnlyList<double> EvaluateLogitLens(DocumentRows texts, int rowLimit)
    {
        ArgumentNullException.ThrowIfNull(texts);
        LanguageModel model = Lens.Model;
        int positions = _activations.Capacity;
        using LensSet untrained =
            LensSet.Initial(model, Lens.Options.Untrained, Lens.Layers, positions);
        int width = untrained[Lens.Layers[0]].FeatureWidth;
        using var arena = new TensorArena(model.Device, (long)positions * (width + 1) + 64, "the logit lens");
        Tensor features = arena.Cut("features", positions, width), losses = arena.Cut("losses", positions);
        foreach (int layer in Lens.Layers)
            untrained[layer].Prepare(positions);
        return MeanOver(texts, rowLimit, () => [.. Lens.Layers.Select(layer =>
        {
            int n = _activations.Count;
            Tensor x = features.SliceRows(0, n), kl = losses.Slice(losses.Name, 0, n);
            untrained[layer].Features(_activations.Of(layer), x);
            _kl.Run(_activations.Target, [new KlTerm(x, untrained[layer].Map, kl, null)], 1f);
            return LensLogits.Require(model, kl.ToArray().Average(loss => (double)loss));
        })]);
    }

    // Mean over batches, weighted by their number of positions.
    double[] MeanOver(DocumentRows texts, int rowLimit, Func<IEnumerable<double>> layers)
    {
        double[] sums = new double[_layers.Count];
        long positions = 0, batch = 0;
        foreach (SequenceBatch rows in texts.InOrder(_options.BatchRows, rowLimit))
        {
            _activations.Clear();
            // Negative numbers are not used by training steps, so positions are drawn independently of
            // training.
            _activations.Add(rows, _options.Positions.Of(rows, _options.Seed, -1 - batch++));
            positions += _activations.Count;
            int i = 0;
            foreach (double mean in layers())
                sums[i++] += mean * _activations.Count;
        }
        return [.. sums.Select(sum => sum / positions)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _activations.Dispose();
        _arena.Dispose();
    }

    internal static long Floats(LayerLens lens, LensTrainingOptions options, int layers)
    {
        int positions = options.PositionsAtOnce(lens.Config);
        return TensorArena.Measure(lens.Model.Device, arena =>
        {
            (_, UpdateBlock? block) = CutShared(arena, lens, options, positions, layers);
            for (int i = 0; i < layers; i++)
                _ = new LayerTraining(lens, options.Moments, arena, block, positions);
        });
    }

    static (VocabularyKl Kl, UpdateBlock? Block) CutShared(
        TensorArena arena, LayerLens lens, LensTrainingOptions options, int positions, int layers)
    {
        int V = lens.Config.VocabSize;
        var kl = new VocabularyKl(lens.Ops, arena, positions, terms: layers, vocabulary: V);
        return (kl, lens.Vocabulary is { } map
            ? new UpdateBlock(arena, map.Weight.Columns, V, positions) : null);
    }
}
