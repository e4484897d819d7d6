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
    readonly ILensBatch _batch;
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
        options.RequireFits(lens.Options, lens.Model.Config);
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
            _batch = options.Ablation is not null
                ? new RemovalBatch(model, lens.Layers, lens.Options.Kind, options)
                : new PredictionBatch(new LensActivations(model, lens.Layers, [lens.Options.Kind],
                    options.BatchRows, options.TokensAtOnce(model.Config), positions));
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
        _batch.Clear();
        for (int i = 0; i < _options.Accumulation; i++)
            Add(_rows.Next(_options.BatchRows), (long)Step * _options.Accumulation + i,
                Step + (long)i * _options.BatchRows);
        float rate = _options.Schedule.Rate(Step + 1, _options.Steps, _options.Optimizer.LearningRate);
        AdamWOptions adam = _options.Optimizer;
        var step = new AdamWStep(rate, adam.Beta1, adam.Beta2, adam.Epsilon, adam.WeightDecay, Step + 1);
        foreach (LensFit fit in _batch.Fits([.. _layers.Where(l => !l.Done).Select(l => l.Lens.Layer)]))
        {
            LayerTraining[] layers = Of(fit);
            foreach (LayerTraining layer in layers)
                layer.Begin(fit, _batch.Capacity);
            if (_options.Clip > 0)
            {
                _kl.Run(fit.Target, [.. layers.Select(l => l.NormTerm(Step + 1))], 1f / fit.Count);
                foreach (LayerTraining layer in layers)
                    layer.Clip(_options.Clip);
            }
            _kl.Run(fit.Target, [.. layers.Select(l => l.StepTerm(step))], 1f / fit.Count);
            foreach (LayerTraining layer in layers)
                layer.StepInner(step);
        }
        Step++;
        return new LensStep(Step, [.. _layers.Select(l => l.Done ? double.NaN : l.MeanLoss)], rate,
            _batch.Count);
    }

    /// <summary>
    /// Returns the mean KL of each layer on other rows, nats, at positions chosen by the training options.
    /// Parameters and the place in the training texts are not changed. Heads are removed as in training.
    /// </summary>
    /// <param name="texts">Rows to evaluate.</param>
    /// <param name="rowLimit">Largest number of rows.</param>
    public IReadOnlyList<double> Evaluate(DocumentRows texts, int rowLimit)
    {
        ArgumentNullException.ThrowIfNull(texts);
        foreach (LayerTraining layer in _layers)
            layer.Lens.Prepare(_batch.Capacity);
        return MeanOver(texts, rowLimit, fit =>
        {
            LayerTraining[] layers = Of(fit);
            foreach (LayerTraining layer in layers)
                layer.Begin(fit, null);
            _kl.Run(fit.Target, [.. layers.Select(l => l.LossTerm())], 1f);
            return layers.Select(l => l.MeanLoss);
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
        int positions = _batch.Capacity;
        using LensSet untrained =
            LensSet.Initial(model, Lens.Options.Untrained, Lens.Layers, positions);
        int width = untrained[Lens.Layers[0]].FeatureWidth;
        using var arena = new TensorArena(model.Device, (long)positions * (width + 1) + 64, "the logit lens");
        Tensor features = arena.Cut("features", positions, width), losses = arena.Cut("losses", positions);
        foreach (int layer in Lens.Layers)
            untrained[layer].Prepare(positions);
        return MeanOver(texts, rowLimit, fit => fit.Layers.Select(layer =>
        {
            Tensor x = features.SliceRows(0, fit.Count), kl = losses.Slice(losses.Name, 0, fit.Count);
            untrained[layer].Features(fit.Inputs(layer), x);
            _kl.Run(fit.Target, [fit.Term(x, untrained[layer].Map, kl, null)], 1f);
            return LensLogits.Require(model, kl.ToArray().Average(loss => (double)loss));
        }));
    }

    LayerTraining[] Of(LensFit fit)
        => [.. fit.Layers.Select(layer => _layers.First(l => l.Lens.Layer == layer))];

    void Add(SequenceBatch rows, long pass, long firstRow)
        => _batch.Add(rows, _options.Positions.Of(rows, _options.Seed, pass), pass, firstRow);

    // Mean over batches, weighted by their number of positions.
    double[] MeanOver(DocumentRows texts, int rowLimit, Func<LensFit, IEnumerable<double>> losses)
    {
        var sums = Lens.Layers.ToDictionary(layer => layer, _ => (Sum: 0.0, Positions: 0L));
        long batch = 0, row = 0;
        foreach (SequenceBatch rows in texts.InOrder(_options.BatchRows, rowLimit))
        {
            _batch.Clear();
            // Negative numbers are not used by training steps, so positions and heads are drawn independently
            // of training.
            Add(rows, -1 - batch++, row);
            row += rows.B;
            foreach (LensFit fit in _batch.Fits(Lens.Layers))
                foreach ((int layer, double mean) in fit.Layers.Zip(losses(fit)))
                    sums[layer] = (sums[layer].Sum + mean * fit.Count, sums[layer].Positions + fit.Count);
        }
        return [.. Lens.Layers.Select(layer => sums[layer].Positions > 0
            ? sums[layer].Sum / sums[layer].Positions
            : throw new UserException($"the held-out texts have {Counted.Of(row, "row")}; "
                + $"{Field.Of(nameof(_options.Ablation))} needs one for each of the "
                + $"{Counted.Of(Lens.Model.Config.Layers, "layer")}"))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _batch.Dispose();
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
