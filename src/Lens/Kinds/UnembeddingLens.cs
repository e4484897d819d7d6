using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// The logit lens (nostalgebraist 2020) on the output of attention: <c>logits = r W_U + b_U</c>, with the
/// final LayerNorm folded into W_U and b_U. Nothing is learned.
/// </summary>
/// <remarks>
/// Each reading has one b_U: a head's result and the sum of the layer's results are read independently, so
/// with one head both readings are equal. The results are not divided by the stream's norm. For logits that
/// are, use an untrained lens of kind <see cref="LensKind.Residual"/> or <see cref="LensKind.Tuned"/>.
/// </remarks>
sealed class UnembeddingLens : LayerLens
{
    readonly Tensor _weight, _bias;

    internal UnembeddingLens(LanguageModel model, LensOptions options, int layer, Tensor weight, Tensor bias)
        : base(model, options, layer) => (_weight, _bias) = (weight, bias);

    public override IReadOnlyList<LensParameter> Parameters => [];

    public override int HeadFeatureWidth => Config.Width;

    public override VocabularyMap Map => new(_weight, _bias, Transposed: true);

    public override void Features(LensInputs at, Tensor x) => Ops.MatMul(at.Z, Block.ProjWeight, null, x);

    public override void HeadFeatures(LensInputs at, Tensor features, int head, Tensor x)
        => HeadResult(at, head, x);

    public override bool HeadBias(Tensor bias)
    {
        Ops.Copy(_bias, bias);
        return true;
    }

    internal override Range HeadPart(int head) => Range.All;
}
