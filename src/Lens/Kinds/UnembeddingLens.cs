using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// The logit lens (nostalgebraist 2020) on what attention writes, nothing learned: a vector r of the stream
/// reads <c>r W_U + b_U</c>, with the final LayerNorm folded into both.
/// </summary>
/// <remarks>
/// A head's result is read by itself, the sum of the layer's results by itself: the biases do not add up, so
/// with one head both are the same. No lens of a stream is divided by the stream's norm here; a lens that is,
/// is <see cref="LensKind.Residual"/> before training, or the tuned lens.
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
