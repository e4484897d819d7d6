using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// <c>logits = z B + c</c> with B_h [D, V] per head. It can give the same logits as a <see cref="HeadLens"/>,
/// but learns <c>B_h = W_O,h A_h</c> instead of A_h.
/// </summary>
sealed class ThinLens : LayerLens
{
    readonly Tensor _weight, _bias;

    internal ThinLens(LanguageModel model, LensOptions options, int layer, TensorArena arena)
        : base(model, options, layer)
    {
        _weight = arena.Cut($"layers.{layer}.weight",
            Config.VocabSize, Config.Heads, Config.Width / Config.Heads);
        _bias = arena.Cut($"layers.{layer}.bias", Config.VocabSize);
    }

    public override IReadOnlyList<LensParameter> Parameters
        => [new("weight", _weight, Decays: true), new("bias", _bias, Decays: false)];

    public override int HeadFeatureWidth => Config.Width / Config.Heads;

    public override VocabularyMap Map
        => new(_weight.Reshape(Config.VocabSize, Config.Width), _bias, Transposed: true);

    internal override (Tensor Weight, Tensor Bias)? Vocabulary => (Map.Weight, _bias);

    internal override int BiasesInSum => Config.Heads;

    public override void Features(LensInputs at, Tensor x) => Ops.Copy(at.Z, x);
}
