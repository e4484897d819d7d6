using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Trains one layer's lens: holds its features, losses, gradients and moments.</summary>
sealed class LayerTraining
{
    readonly Tensor _features, _losses;
    readonly Tensor? _featureGradient;
    readonly VocabularyUpdate? _update;
    readonly List<(Tensor Value, Tensor Gradient, Tensor M, Tensor V, bool Decays)> _inner = [];
    readonly List<(string Name, Tensor Tensor)> _innerState = [];
    LensInputs? _at;
    LensFit _fit = null!;
    double _squaredNorm;
    float _gradientScale = 1;

    /// <param name="lens">Lens to train.</param>
    /// <param name="storage">Storage of the moments of the matrix to the vocabulary.</param>
    /// <param name="arena">Arena for moments and features.</param>
    /// <param name="block">Scratch for the gradient of a block; null if the matrix to the vocabulary is not
    /// trained.</param>
    /// <param name="positions">Largest number of positions, n.</param>
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

    /// <summary>Whether training of the layer has ended.</summary>
    internal bool Done { get; set; }

    /// <summary>Mean KL at the positions of the last run, nats.</summary>
    internal double MeanLoss { get; private set; }

    /// <summary>The tensors of a checkpoint: parameters, then moments.</summary>
    internal IEnumerable<(string Name, Tensor Tensor)> State =>
        [.. Lens.Parameters.Select(p => (p.Name, p.Value)), .. _update?.State ?? [], .. _innerState];

    /// <summary>The integer tensors of a checkpoint.</summary>
    internal IEnumerable<(string Name, IndexTensor Tensor)> IndexState => _update?.IndexState ?? [];

    /// <summary>Computes the features of a batch.</summary>
    /// <param name="fit">What the lens reads and must match.</param>
    /// <param name="prepareFor">Largest number of positions if parameters have changed since the last call;
    /// null if not.</param>
    internal void Begin(LensFit fit, int? prepareFor)
    {
        (_fit, _at) = (fit, fit.Inputs(Lens.Layer));
        _gradientScale = 1;
        if (prepareFor is { } positions)
            Lens.Prepare(positions);
        Lens.Features(_at, X);
    }

    internal KlTerm LossTerm() => _fit.Term(X, Lens.Map, Losses, null) with
    {
        LossesKnown = () => MeanLoss = LensLogits.Require(Lens.Model, Mean()),
    };

    /// <summary>Returns the term that computes the gradient's norm.</summary>
    internal KlTerm NormTerm(int step)
    {
        _squaredNorm = 0;
        return _fit.Term(X, Lens.Map, Losses, (first, dLogits) =>
        {
            AddFeatureGradient(first, dLogits);
            _squaredNorm += _update?.SquaredNorm(X, first, dLogits) ?? 0;
        }) with { LossesKnown = () => RequireFinite(step) };
    }

    /// <summary>
    /// Returns the term that steps the matrix to the vocabulary, block by block of its gradient.
    /// </summary>
    internal KlTerm StepTerm(AdamWStep step) => _fit.Term(X, Lens.Map, Losses, (first, dLogits) =>
    {
        AddFeatureGradient(first, dLogits); // before the step changes the weights that it reads
        _update?.Step(X, first, dLogits, step with { GradientScale = _gradientScale });
    }) with { LossesKnown = () => RequireFinite(step.Step) };

    /// <summary>Scales the gradient so that its norm is at most <paramref name="most"/>.</summary>
    internal void Clip(float most)
    {
        InnerGradients();
        foreach ((_, Tensor gradient, _, _, _) in _inner)
            _squaredNorm += Math.Pow(Lens.Ops.Norm(gradient), 2);
        _gradientScale = (float)Math.Min(1.0, most / (Math.Sqrt(_squaredNorm) + 1e-6));
    }

    /// <summary>Steps the parameters of <see cref="LayerLens.Inner"/>.</summary>
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
        if (step == 1) // before any weight was changed
            LensLogits.Require(Lens.Model, MeanLoss);
        if (!double.IsFinite(MeanLoss))
            throw new UserException($"step {step}: the loss of layer {Lens.Layer} is {MeanLoss}; training "
                + $"stopped. Try a lower {Field.Of(nameof(AdamWOptions.LearningRate))} or more "
                + $"{Field.Of(nameof(LearningRateSchedule.WarmupSteps))}");
    }
}
