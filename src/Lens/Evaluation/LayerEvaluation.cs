using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Compares one layer's lens and its baselines with the model, block by block of positions.
/// </summary>
sealed class LayerEvaluation : IDisposable
{
    readonly LanguageModel _model;
    readonly LensSet _lens, _untrained;
    readonly TensorArena _arena;
    readonly LensScoreSum _whole, _logitLens, _normalized;
    readonly LensScoreSum[] _heads;
    readonly int _layer;
    Tensor _features = null!, _ofHead = null!, _logits = null!, _stream = null!, _normal = null!;
    Tensor _bias = null!, _mean = null!, _reciprocal = null!;

    internal LayerEvaluation(LanguageModel model, LensSource source, int layer, int top)
    {
        (_model, _layer) = (model, layer);
        _lens = source.Load(model, [layer], LensEvaluation.Block);
        try
        {
            _untrained = LensSet.Initial(model, new() { Kind = LensKind.Logit }, [layer],
                LensEvaluation.Block);
        }
        catch
        {
            _lens.Dispose();
            throw;
        }
        try
        {
            Lens.Prepare(LensEvaluation.Block);
            _arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, Cut), "an evaluation");
            Cut(_arena);
        }
        catch
        {
            _lens.Dispose();
            _untrained.Dispose();
            throw;
        }
        (_whole, _logitLens, _normalized) = (new(top), new(top), new(top));
        _heads = [.. Enumerable.Range(0, Lens.ReadsHeads ? model.Config.Heads : 0)
            .Select(_ => new LensScoreSum(top))];
    }

    LayerLens Lens => _lens[_layer];

    /// <summary>Adds the scores of positions [first, first + n).</summary>
    /// <returns>The model's distributions at these positions.</returns>
    internal ModelWords Take(LensActivations seen, int first, int n)
    {
        LensInputs at = seen.Of(_layer, first, n);
        VocabularyMap head = LensActivations.ModelHead(_model);
        var words = new ModelWords(
            Logits(head, seen.Normalized.SliceRows(first, n)), _model.Config.VocabSize);
        Tensor x = _features.SliceRows(0, n), stream = _stream.SliceRows(0, n);
        Lens.Features(at, x);
        _whole.Add(words.Against(Logits(Lens.Map, x)));
        Tensor? bias = Lens.ReadsHeads && Lens.HeadBias(_bias) ? _bias : null;
        for (int h = 0; h < _heads.Length; h++)
        {
            Tensor own = _ofHead.SliceRows(0, n);
            Lens.HeadFeatures(at, x, h, own);
            _heads[h].Add(words.Against(Logits(Lens.HeadMap(h, bias), own)));
        }
        NamedBlock<Tensor> block = _model.Weights.Layers[_layer];
        _model.Ops.MatMul(at.Z, block.ProjWeight, block.ProjBias, stream); // sum_h r_h + b_O
        _normalized.Add(words.Against(Logits(head, Normal(stream))));
        _logitLens.Add(words.Against(LogitLens(at, stream, head)));
        return words;
    }

    /// <summary>Returns the means over the positions so far.</summary>
    internal LayerScore Mean() => new(_layer, _whole.Mean(), _logitLens.Mean(), _normalized.Mean(),
        [.. _heads.Select(h => h.Mean())]);

    public void Dispose()
    {
        _arena.Dispose();
        _untrained.Dispose();
        _lens.Dispose();
    }

    // The logit lens of what this kind reads: the stream through the final LayerNorm, or the heads' results
    // as they are.
    float[] LogitLens(LensInputs at, Tensor results, VocabularyMap head)
    {
        if (Lens.Options.Kind == LensKind.Residual)
            return Logits(head, Normal(at.After!));
        if (Lens.Options.Kind == LensKind.Tuned)
            return Logits(head, Normal(at.Before!));
        if (Lens is JacobianLens jacobian)
            return Logits(head, Normal(jacobian.Stream(at)));
        LayerLens untrained = _untrained[_layer];
        untrained.Features(at, results);
        return Logits(untrained.Map, results);
    }

    Tensor Normal(Tensor x)
    {
        Tensor y = _normal.SliceRows(0, x.Rows);
        _model.Ops.LayerNorm(x, _model.Weights.FinalNormWeight, _model.Weights.FinalNormBias, y,
            _mean.Slice("means", 0, x.Rows), _reciprocal.Slice("1 / s", 0, x.Rows),
            _model.Config.LayerNormEpsilon);
        return y;
    }

    float[] Logits(VocabularyMap map, Tensor x)
    {
        Tensor logits = _logits.SliceRows(0, x.Rows);
        LensLogits.Fill(_model, map, x, logits);
        return logits.ToArray();
    }

    void Cut(TensorArena arena)
    {
        (int n, int C, int V) = (LensEvaluation.Block, _model.Config.Width, _model.Config.VocabSize);
        _features = arena.Cut("features", n, Lens.FeatureWidth);
        _ofHead = arena.Cut("features of a head", n, Lens.ReadsHeads ? Lens.HeadFeatureWidth : 1);
        _logits = arena.Cut("logits", n, V);
        (_stream, _normal) = (arena.Cut("a stream", n, C), arena.Cut("a normalized stream", n, C));
        _bias = arena.Cut("a head's share of the bias", V);
        (_mean, _reciprocal) = (arena.Cut("means", n), arena.Cut("1 / s", n));
    }
}
