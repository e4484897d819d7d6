using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// <c>logits = sum_h (r_h A + c)</c>: one map for the results of all heads of a layer. The sum is
/// <c>(sum_h r_h) A + H c</c>, so it needs only the output of attention.
/// </summary>
sealed class SharedLens : LayerLens
{
    readonly Tensor _weight, _bias;

    internal SharedLens(LanguageModel model, LensOptions options, int layer, TensorArena arena)
        : base(model, options, layer)
    {
        _weight = arena.Cut($"layers.{layer}.weight", Config.VocabSize, Config.Width);
        _bias = arena.Cut($"layers.{layer}.bias", Config.VocabSize);
    }

    public override IReadOnlyList<LensParameter> Parameters
        => [new("weight", _weight, Decays: true), new("bias", _bias, Decays: false)];

    public override int HeadFeatureWidth => Config.Width;

    public override VocabularyMap Map => new(_weight, _bias, Transposed: true);

    internal override (Tensor Weight, Tensor Bias)? Vocabulary => (_weight, _bias);

    internal override int BiasesInSum => Config.Heads;

    public override void Features(LensInputs at, Tensor x)
        => Ops.MatMul(at.Z, Block.ProjWeight, null, x); // attn_out without b_O

    public override void HeadFeatures(LensInputs at, Tensor features, int head, Tensor x)
        => HeadResult(at, head, x);

    internal override Range HeadPart(int head) => Range.All;
}
