using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// <c>logits = sum_h (r_h A_h + c_h)</c>, with r_h = z_h W_O,h, the result of head h (Attention Lens, section
/// 1; LensA of its code).
/// </summary>
/// <remarks>
/// The same sum is <c>z B + c</c> with <c>B_h = W_O,h A_h</c>, [D, V] per head. One product for n positions
/// costs <c>2 n H C V</c> flops with A, and <c>2 C^2 V + 2 n C V</c> with B, including making B. With more
/// than D positions the lens uses B, and the gradient is <c>dA_h = W_O,h^T dB_h</c>.
/// <para>All c_h begin equal and have the same gradient, so they stay equal; only their sum is stored.</para>
/// </remarks>
sealed class HeadLens : LayerLens
{
    readonly Tensor _weight, _bias;
    readonly Tensor? _throughZ, _throughZGradient;
    bool _usesZ;

    internal HeadLens(LanguageModel model, LensOptions options, int layer, TensorArena arena, int positions)
        : base(model, options, layer)
    {
        (int V, int C, int H) = (Config.VocabSize, Config.Width, Config.Heads);
        _weight = arena.Cut($"layers.{layer}.weight", V, H, C);
        _bias = arena.Cut($"layers.{layer}.bias", V);
        if (positions <= C / H)
            return;
        _throughZ = arena.Cut($"layers.{layer}.weight through z", V, C);
        _throughZGradient = arena.Cut("its gradient for a block of tokens",
            VocabularyUpdate.BlockTokens(model.Device, H * C, V), C);
    }

    public override IReadOnlyList<LensParameter> Parameters
        => [new("weight", _weight, Decays: true), new("bias", _bias, Decays: false)];

    public override int HeadFeatureWidth => Config.Width;

    public override VocabularyMap Map => new(_usesZ ? _throughZ! : Flat, _bias, Transposed: true);

    internal override (Tensor Weight, Tensor Bias)? Vocabulary => (Flat, _bias);

    internal override int BiasesInSum => Config.Heads;

    Tensor Flat => _weight.Reshape(Config.VocabSize, Config.Heads * Config.Width);

    internal override void Prepare(int positions, bool weightsToo)
    {
        _usesZ = _throughZ is not null && positions > Config.Width / Config.Heads;
        if (_usesZ && weightsToo) // B_h = W_O,h A_h: the same op that takes a gradient of results back to z
            Ops.HeadResultsTransposed(_weight, Block.ProjWeight, _throughZ!, Config.Heads);
    }

    public override void Features(LensInputs at, Tensor x)
    {
        if (_usesZ)
            Ops.Copy(at.Z, x);
        else
            Ops.HeadResults(at.Z, Block.ProjWeight, x.Reshape(at.Count, Config.Heads, Config.Width),
                Config.Heads);
    }

    internal override void WeightGradient(Tensor x, Tensor dLogits, Tensor dWeight)
    {
        if (!_usesZ)
        {
            base.WeightGradient(x, dLogits, dWeight);
            return;
        }
        int tokens = dLogits.Columns;
        Tensor gradient = _throughZGradient!.SliceRows(0, tokens);
        base.WeightGradient(x, dLogits, gradient);
        Ops.HeadResults(gradient, Block.ProjWeight,
            dWeight.Reshape(tokens, Config.Heads, Config.Width), Config.Heads);
    }

    // Always uses the head's result, so a head gives the same logits alone and with others.
    public override void HeadFeatures(LensInputs at, Tensor features, int head, Tensor x)
        => HeadResult(at, head, x);

    public override VocabularyMap HeadMap(int head, Tensor? bias)
        => new(Flat, bias, Transposed: true) { Part = HeadPart(head) };
}
