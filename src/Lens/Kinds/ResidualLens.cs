using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// <c>logits = (u / s) A_0 + sum_h (z_h / s) B_h + c</c>: the lens also reads the residual stream, so a head
/// need not repeat what the stream already contains (asked for in issue 9 of Attention Lens). u is the stream
/// before the layer plus b_O; s is the root of the variance plus epsilon of the stream after the heads have
/// written, <c>u + sum_h z_h W_O,h</c>.
/// </summary>
/// <remarks>
/// Training begins with A_0 = W_U and B_h = W_O,h W_U, with LayerNorm folded in and centred. There the logits
/// are those of the logit lens on the stream after the layer's attention. The bias belongs to the stream, so
/// heads have no share of it.
/// </remarks>
sealed class ResidualLens : LayerLens
{
    readonly Tensor _weight, _bias, _ones, _zeros, _normalized, _mean, _reciprocal, _factors;

    internal ResidualLens(LanguageModel model, LensOptions options, int layer, TensorArena arena,
        int positions)
        : base(model, options, layer)
    {
        (int V, int C) = (Config.VocabSize, Config.Width);
        _weight = arena.Cut($"layers.{layer}.weight", V, 2, C); // first the stream, then z
        _bias = arena.Cut($"layers.{layer}.bias", V);
        (_ones, _zeros) = (arena.Cut("ones", 1, C), arena.Cut("zeros", C));
        _normalized = arena.Cut("normalized stream", positions, C);
        _factors = arena.Cut("1 / s of each position, C times", positions, C);
        (_mean, _reciprocal) = (arena.Cut("means", positions), arena.Cut("1 / s", positions));
    }

    public override IReadOnlyList<LensParameter> Parameters
        => [new("weight", _weight, Decays: true), new("bias", _bias, Decays: false)];

    public override int HeadFeatureWidth => Config.Width / Config.Heads;

    public override VocabularyMap Map
        => new(_weight.Reshape(Config.VocabSize, 2 * Config.Width), _bias, Transposed: true);

    internal override (Tensor Weight, Tensor Bias)? Vocabulary => (Map.Weight, _bias);

    internal override void Prepare(int positions, bool weightsToo)
    {
        if (weightsToo)
            Ops.Fill(_ones, 1f);
    }

    public override void Features(LensInputs at, Tensor x)
    {
        (int n, int C) = (at.Count, Config.Width);
        Tensor part = _normalized.SliceRows(0, n), factors = _factors.SliceRows(0, n);
        Tensor reciprocal = _reciprocal.Slice("1 / s", 0, n);
        Ops.LayerNorm(at.After!, _ones.Reshape(C), _zeros, part, _mean.Slice("means", 0, n), reciprocal,
            Config.LayerNormEpsilon);
        Ops.MatMul(reciprocal.Reshape(n, 1), _ones, null, factors); // repeats 1 / s C times
        Ops.AddBias(at.Before!, Block.ProjBias, part);
        Ops.Multiply(part, factors, part);
        Ops.WriteColumns(part, x, 0);
        Ops.Multiply(at.Z, factors, part);
        Ops.WriteColumns(part, x, C);
    }

    public override bool HeadBias(Tensor bias) => false;

    internal override Range HeadPart(int head)
    {
        int D = HeadFeatureWidth, first = Config.Width + head * D;
        return first..(first + D);
    }
}
