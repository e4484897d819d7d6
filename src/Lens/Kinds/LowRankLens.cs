using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// <c>logits = sum_h (r_h U_h P_h + c_h)</c>, with U_h [C, r] and P_h [r, V]: a head lens whose maps have
/// rank r.
/// </summary>
/// <remarks>r_h U_h is computed as z_h (W_O,h U_h), which reads D numbers per head instead of C.</remarks>
sealed class LowRankLens : LayerLens
{
    readonly Tensor _weight, _bias, _down, _downGradient, _throughZ, _throughZGradient, _z, _y;

    internal LowRankLens(LanguageModel model, LensOptions options, int layer, TensorArena arena,
        int positions)
        : base(model, options, layer)
    {
        (int V, int C, int H, int r) = (Config.VocabSize, Config.Width, Config.Heads, options.Rank);
        int D = C / H;
        _weight = arena.Cut($"layers.{layer}.weight", V, H, r);
        _bias = arena.Cut($"layers.{layer}.bias", V);
        _down = arena.Cut($"layers.{layer}.down", H, C, r);
        _downGradient = arena.Cut($"gradient of layers.{layer}.down", H, C, r);
        _throughZ = arena.Cut("W_O U", H, D, r);
        _throughZGradient = arena.Cut("gradient of W_O U", D, r);
        (_z, _y) = (arena.Cut("z of a head", positions, D), arena.Cut("z W_O U of a head", positions, r));
    }

    public override IReadOnlyList<LensParameter> Parameters =>
        [new("weight", _weight, Decays: true), new("bias", _bias, Decays: false), Down];

    public override int HeadFeatureWidth => Options.Rank;

    public override VocabularyMap Map
        => new(_weight.Reshape(Config.VocabSize, Config.Heads * Options.Rank), _bias, Transposed: true);

    internal override (Tensor Weight, Tensor Bias)? Vocabulary => (Map.Weight, _bias);

    internal override int BiasesInSum => Config.Heads;

    internal override IReadOnlyList<(LensParameter Parameter, Tensor Gradient)> Inner
        => [(Down, _downGradient)];

    LensParameter Down => new("down", _down, Decays: true);

    internal override void Prepare(int positions, bool weightsToo)
    {
        for (int h = 0; weightsToo && h < Config.Heads; h++)
            Ops.MatMul(HeadProjection(h), Head(_down, h), null, Head(_throughZ, h));
    }

    public override void Features(LensInputs at, Tensor x)
    {
        Tensor z = _z.SliceRows(0, at.Count), y = _y.SliceRows(0, at.Count);
        for (int h = 0; h < Config.Heads; h++)
        {
            Ops.CopyColumns(at.Z, z, h * z.Columns);
            Ops.MatMul(z, Head(_throughZ, h), null, y);
            Ops.WriteColumns(y, x, h * y.Columns);
        }
    }

    internal override void FeaturesBackward(LensInputs at, Tensor dX)
    {
        Tensor z = _z.SliceRows(0, at.Count), dY = _y.SliceRows(0, at.Count);
        for (int h = 0; h < Config.Heads; h++)
        {
            Ops.CopyColumns(at.Z, z, h * z.Columns);
            Ops.CopyColumns(dX, dY, h * dY.Columns);
            Ops.Fill(_throughZGradient, 0f);
            Ops.MatMulWeightGradient(z, dY, _throughZGradient);
            Ops.MatMulWeightGradient(HeadProjection(h), _throughZGradient, Head(_downGradient, h));
        }
    }

    static Tensor Head(Tensor all, int head)
    {
        (int rows, int columns) = (all.Shape[1], all.Shape[2]);
        return all.Slice(all.Name, (long)head * rows * columns, rows, columns);
    }
}
