using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// The tuned lens (Belrose et al. 2023, equation 2): <c>logits = W_U LayerNorm_f(x + W x + b)</c> with x the
/// residual stream before the layer. W [C, C] and b [C] begin at zero, where the lens is the logit lens.
/// </summary>
/// <remarks>
/// It reads the stream and gives no logits for single heads. W has one row per output, like torch's Linear.
/// </remarks>
sealed class TunedLens : LayerLens
{
    readonly Tensor _weight, _bias, _weightGradient, _biasGradient;
    readonly Tensor _moved, _movedGradient, _mean, _reciprocal;

    internal TunedLens(LanguageModel model, LensOptions options, int layer, TensorArena arena, int positions)
        : base(model, options, layer)
    {
        int C = Config.Width;
        _weight = arena.Cut($"layers.{layer}.weight", C, C);
        _bias = arena.Cut($"layers.{layer}.bias", C);
        _weightGradient = arena.Cut($"gradient of layers.{layer}.weight", C, C);
        _biasGradient = arena.Cut($"gradient of layers.{layer}.bias", C);
        (_moved, _movedGradient) =
            (arena.Cut("x + W x + b", positions, C), arena.Cut("its gradient", positions, C));
        (_mean, _reciprocal) = (arena.Cut("means", positions), arena.Cut("1 / s", positions));
    }

    public override IReadOnlyList<LensParameter> Parameters => [Weight, Bias];

    public override bool ReadsHeads => false;

    public override int HeadFeatureWidth
        => throw new NotSupportedException("A tuned lens reads the residual stream, not heads.");

    public override VocabularyMap Map => LensActivations.ModelHead(Model);

    internal override IReadOnlyList<(LensParameter Parameter, Tensor Gradient)> Inner
        => [(Weight, _weightGradient), (Bias, _biasGradient)];

    LensParameter Weight => new("weight", _weight, Decays: true);

    LensParameter Bias => new("bias", _bias, Decays: false);

    public override void Features(LensInputs at, Tensor x)
    {
        (int n, int C) = (at.Count, Config.Width);
        Tensor moved = _moved.SliceRows(0, n);
        Ops.MatMulTransposed(at.Before!, _weight, moved);
        Ops.AddInto(at.Before!, moved);
        Ops.AddBias(moved, _bias, moved);
        Ops.LayerNorm(moved, Model.Weights.FinalNormWeight, Model.Weights.FinalNormBias, x,
            _mean.Slice("means", 0, n), _reciprocal.Slice("1 / s", 0, n), Config.LayerNormEpsilon);
    }

    internal override void FeaturesBackward(LensInputs at, Tensor dX)
    {
        int n = at.Count;
        Tensor moved = _moved.SliceRows(0, n), dMoved = _movedGradient.SliceRows(0, n);
        Ops.Fill(dMoved, 0f);
        Ops.LayerNormBackward(moved, Model.Weights.FinalNormWeight, _mean.Slice("means", 0, n),
            _reciprocal.Slice("1 / s", 0, n), dX, dMoved, null, null);
        Ops.MatMulWeightGradient(dMoved, at.Before!, _weightGradient);
        Ops.BiasGradient(dMoved, _biasGradient);
    }
}
