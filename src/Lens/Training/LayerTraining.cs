using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>One layer's lens in training: its features, losses, gradients and moments.</summary>
sealed class LayerTraining
{
    readonly Tensor _features, _losses;
    readonly Tensor? _featureGradient;
    readonly VocabularyUpdate? _update;
    readonly List<(Tensor Value, Tensor Gradient, Tensor M, Tensor V, bool Decays)> _inner = [];
    readonly List<(string Name, Tensor Tensor)> _innerState = [];
    LensInputs? _at;
    double _squaredNorm;
    float _gradientScale = 1;

    /// <param name="lens">What is trained.</param>
    /// <param name="storage">How moments of the vocabulary's matrix are kept.</param>
    /// <param name="arena">Where moments and features are cut.</param>
    /// <param name="block">Where a block's gradient is made; null where the vocabulary's side is not trained.
    /// </param>
    /// <param name="positions">n at most.</param>
    internal LayerTraining(
        LayerLens lens, MomentStorage storage, TensorArena arena, UpdateBlock? block, int positions)
    {
        Lens = lens;
        lens.Prepare(positions, weightsToo: false);
        _features = arena.Cut($"features of layer {lens.Layer}", positions, lens.FeatureWidth);
        _losses = arena.Cut($"losses of layer {lens.Layer}", positions);
        if (lens.Inner.Count > 0)
            _featureGradient =
                arena.Cut($"gradient of the features of layer {lens.Layer}", positions, lens.FeatureWidth);
        if (block is not null)
            _update = new VocabularyUpdate(lens, storage, arena, block);
        foreach ((LensParameter p, Tensor gradient) in lens.Inner)
        {
            Tensor m = arena.Cut($"m of {p.Name}", p.Value.Shape),
                v = arena.Cut($"v of {p.Name}", p.Value.Shape);
            _inner.Add((p.Value, gradient, m, v, p.Decays));
            _innerState.AddRange([($"{p.Name}.m", m), ($"{p.Name}.v", v)]);
        }
    }

    internal LayerLens Lens { get; }

    /// <summary>Whether the layer takes no more steps.</summary>
    internal bool Done { get; set; }

    /// <summary>Mean KL at the positions of the last run.</summary>
    internal double MeanLoss { get; private set; }

    /// <summary>What a checkpoint keeps: parameters, then moments.</summary>
    internal IEnumerable<(string Name, Tensor Tensor)> State =>
        [.. Lens.Parameters.Select(p => (p.Name, p.Value)), .. _update?.State ?? [], .. _innerState];

    /// <summary>The same, of whole numbers.</summary>
    internal IEnumerable<(string Name, IndexTensor Tensor)> IndexState => _update?.IndexState ?? [];

    /// <summary>Makes the features.</summary>
    /// <param name="at">What the layer's heads wrote.</param>
    /// <param name="prepareFor">Positions to prepare for when parameters have changed; null when not.</param>
    internal void Begin(LensInputs at, int? prepareFor)
    {
        _at = at;
        _gradientScale = 1;
        if (prepareFor is { } positions)
            Lens.Prepare(positions);
        Lens.Features(at, X);
    }

    internal KlTerm LossTerm() => new(X, Lens.Map, Losses, null) { LossesKnown = () => MeanLoss = Mean() };

    /// <summary>Finds the gradient's norm.</summary>
    internal KlTerm NormTerm(int step)
    {
        _squaredNorm = 0;
        return new(X, Lens.Map, Losses, (first, dLogits) =>
        {
            AddFeatureGradient(first, dLogits);
            _squaredNorm += _update?.SquaredNorm(X, first, dLogits) ?? 0;
        }) { LossesKnown = () => RequireFinite(step) };
    }

    /// <summary>Steps the vocabulary's side as its gradient comes.</summary>
    internal KlTerm StepTerm(AdamWStep step) => new(X, Lens.Map, Losses, (first, dLogits) =>
    {
        AddFeatureGradient(first, dLogits); // before the weights that it needs move
        _update?.Step(X, first, dLogits, step with { GradientScale = _gradientScale });
    }) { LossesKnown = () => RequireFinite(step.Step) };

    /// <summary>Scales the step so that the gradient's norm is at most <paramref name="most"/>.</summary>
    internal void Clip(float most)
    {
        InnerGradients();
        foreach ((_, Tensor gradient, _, _, _) in _inner)
            _squaredNorm += Math.Pow(Lens.Ops.Norm(gradient), 2);
        _gradientScale = (float)Math.Min(1.0, most / (Math.Sqrt(_squaredNorm) + 1e-6));
    }

    /// <summary>Steps the parameters on the features' side.</summary>
    internal void StepInner(AdamWStep step)
    {
        InnerGradients();
        foreach ((Tensor value, Tensor gradient, Tensor m, Tensor v, bool decays) in _inner)
            Lens.Ops.AdamW(gradient, value, m, v, step with
            {
                GradientScale = _gradientScale, WeightDecay = decays ? step.WeightDecay : 0,
            });
    }

    Tensor X => _features.SliceRows(0, _at!.Count);

    Tensor Losses => _losses.Slice(_losses.Name, 0, _at!.Count);

    void AddFeatureGradient(int first, Tensor dLogits)
    {
        if (_featureGradient is not null)
            Lens.Map.BackwardInput(Lens.Ops, dLogits, first, _featureGradient.SliceRows(0, _at!.Count));
    }

    void InnerGradients()
    {
        if (_inner.Count == 0)
            return;
        foreach ((_, Tensor gradient, _, _, _) in _inner)
            Lens.Ops.Fill(gradient, 0f);
        Lens.FeaturesBackward(_at!, _featureGradient!.SliceRows(0, _at!.Count));
    }

    double Mean() => Losses.ToArray().Average(loss => (double)loss);

    void RequireFinite(int step)
    {
        MeanLoss = Mean();
        if (!double.IsFinite(MeanLoss))
            throw new UserException($"step {step}: the loss of layer {Lens.Layer} is {MeanLoss}; training "
                + "stopped. Try a lower LearningRate or more WarmupSteps", nameof(AdamWOptions.LearningRate),
                nameof(LearningRateSchedule.WarmupSteps));
    }
}
