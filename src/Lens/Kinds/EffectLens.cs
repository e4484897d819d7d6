using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Says what the removal of a head takes away from the logits. A head's z moves the last stream by
/// <c>z_h K_h</c>, K_h [D, C], behind the model's own final LayerNorm and unembedding. K is learned so that
/// <c>W_U LayerNorm_f(h_L + Σ_h Δz_h K_h)</c> is what the model says without the removed heads
/// (<see cref="TrainingAblation"/>); h_L is the last stream of the whole model.
/// </summary>
/// <remarks>
/// Read, a head has <c>logits_h = W_U (gain * (z_h K_h - mean) / s)</c>, s the scale of h_L, as in direct
/// logit attribution. With K = W_O it is direct logit attribution, with K = W_O J^T a Jacobian lens of the
/// heads. It has C² parameters a layer, and every token shares them.
/// </remarks>
sealed class EffectLens : LayerLens
{
    readonly Tensor _weight, _gradient, _share, _moved, _movedGradient, _ofHead, _mean, _reciprocal;

    internal EffectLens(LanguageModel model, LensOptions options, int layer, TensorArena arena, int positions)
        : base(model, options, layer)
    {
        int C = Config.Width;
        _weight = arena.Cut($"layers.{layer}.weight", C, C);
        _gradient = arena.Cut($"gradient of layers.{layer}.weight", C, C);
        _share = arena.Cut("K, centred, times the final gain", C, C);
        (_moved, _movedGradient) =
            (arena.Cut("h + z K", positions, C), arena.Cut("its gradient", positions, C));
        _ofHead = arena.Cut("z of a head", positions, C / Config.Heads);
        (_mean, _reciprocal) = (arena.Cut("means", positions), arena.Cut("1 / s", positions));
    }

    public override IReadOnlyList<LensParameter> Parameters => [Weight];

    public override int HeadFeatureWidth => Config.Width;

    public override VocabularyMap Map => LensActivations.ModelHead(Model);

    internal override IReadOnlyList<(LensParameter Parameter, Tensor Gradient)> Inner
        => [(Weight, _gradient)];

    LensParameter Weight => new("weight", _weight, Decays: true);

    internal override void Prepare(int positions, bool weightsToo)
    {
        if (weightsToo)
            _share.Upload(Share(_weight.ToArray(), Model.Weights.FinalNormWeight.ToArray()));
    }

    // The stream that a change of z moves is normalised anew. What heads add to a stream that has them is a
    // share of it, and the stream's own scale divides it.
    public override void Features(LensInputs at, Tensor x)
    {
        Tensor moved = _moved.SliceRows(0, at.Count);
        if (at.IsChange)
        {
            Ops.MatMul(at.Z, _weight, null, moved);
            Ops.AddInto(at.Last!, moved);
            Normalize(moved, x);
            return;
        }
        Normalize(at.Last!, moved); // for 1 / s alone
        Ops.MatMul(at.Z, _share, null, x);
        Ops.ScaleRows(Reciprocal(at), x);
    }

    internal override void FeaturesBackward(LensInputs at, Tensor dX)
    {
        int n = at.Count;
        Tensor dMoved = _movedGradient.SliceRows(0, n);
        Ops.Fill(dMoved, 0f);
        Ops.LayerNormBackward(_moved.SliceRows(0, n), Model.Weights.FinalNormWeight,
            _mean.Slice("means", 0, n), Reciprocal(at), dX, dMoved, null, null);
        Ops.MatMulWeightGradient(at.Z, dMoved, _gradient); // z^T dMoved
    }

    // Follows Features, which leaves 1 / s of the last stream.
    public override void HeadFeatures(LensInputs at, Tensor features, int head, Tensor x)
    {
        int D = Config.Width / Config.Heads;
        Tensor z = _ofHead.SliceRows(0, at.Count);
        Ops.CopyColumns(at.Z, z, head * D);
        Ops.MatMul(z, _share.SliceRows(head * D, D), null, x);
        Ops.ScaleRows(Reciprocal(at), x);
    }

    public override VocabularyMap HeadMap(int head, Tensor? bias) => Map with { Bias = null };

    public override bool HeadBias(Tensor bias) => false;

    internal override Range HeadPart(int head) => Range.All;

    Tensor Reciprocal(LensInputs at) => _reciprocal.Slice("1 / s", 0, at.Count);

    void Normalize(Tensor x, Tensor y) => Ops.LayerNorm(x, Model.Weights.FinalNormWeight,
        Model.Weights.FinalNormBias, y, _mean.Slice("means", 0, x.Rows),
        _reciprocal.Slice("1 / s", 0, x.Rows), Config.LayerNormEpsilon);

    // gain_c (K_jc - mean over c of K_jc): LayerNorm without its scale is linear.
    static float[] Share(float[] weight, float[] gain)
    {
        int C = gain.Length;
        float[] share = new float[weight.Length];
        for (int j = 0; j < C; j++)
        {
            double mean = 0;
            for (int c = 0; c < C; c++)
                mean += (double)weight[j * C + c] / C;
            for (int c = 0; c < C; c++)
                share[j * C + c] = (float)(gain[c] * (weight[j * C + c] - mean));
        }
        return share;
    }
}
