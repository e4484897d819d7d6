using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// The Jacobian lens (Gurnee et al. 2026): <c>logits = W_U LayerNorm_f(h J^T) + b_U</c> with h the residual
/// stream and J [C, C] the mean derivative of the last stream by h. Nothing is learned; J = I is the logit
/// lens.
/// </summary>
/// <remarks>
/// At <see cref="JacobianSite.ResidMid"/> every head of the layer has added its result r_h = z_h W_O,h to h,
/// so one matrix reads all heads: <c>logits_h = W_U (gain * (r_h J^T - mean) / s)</c> with s the root of the
/// variance plus epsilon of h J^T, as in direct logit attribution. The logits of all heads, of the stream
/// before the layer and of b_O, read the same way, and the final LayerNorm's shift and b_U sum to the logits
/// of the whole. With a scale of its own, every head would have logits of the same size, whatever it
/// wrote.
/// </remarks>
sealed class JacobianLens : LayerLens
{
    readonly Tensor _jacobian, _share, _moved, _result, _mean, _reciprocal;
    readonly JacobianSite _site;

    internal JacobianLens(LanguageModel model, LensOptions options, int layer, TensorArena arena,
        int positions)
        : base(model, options, layer)
    {
        int C = Config.Width;
        _site = options.Site!.Value;
        _jacobian = arena.Cut($"layers.{layer}.jacobian", C, C);
        _share = arena.Cut("J, centred, times the final gain", C, C);
        (_moved, _result) = (arena.Cut("h J^T", positions, C), arena.Cut("result of a head", positions, C));
        (_mean, _reciprocal) = (arena.Cut("means", positions), arena.Cut("1 / s", positions));
    }

    public override IReadOnlyList<LensParameter> Parameters => [new("jacobian", _jacobian, Decays: false)];

    public override bool ReadsHeads => _site == JacobianSite.ResidMid;

    public override int HeadFeatureWidth => ReadsHeads ? Config.Width
        : throw new NotSupportedException("A Jacobian lens at resid_post reads the stream, not heads.");

    public override VocabularyMap Map => LensActivations.ModelHead(Model);

    internal override void Prepare(int positions, bool weightsToo)
    {
        if (weightsToo && ReadsHeads)
            _share.Upload(Share(_jacobian.ToArray(), Model.Weights.FinalNormWeight.ToArray()));
    }

    public override void Features(LensInputs at, Tensor x)
    {
        int n = at.Count;
        Tensor moved = _moved.SliceRows(0, n);
        Ops.MatMulTransposed(Stream(at), _jacobian, moved);
        Ops.LayerNorm(moved, Model.Weights.FinalNormWeight, Model.Weights.FinalNormBias, x,
            _mean.Slice("means", 0, n), _reciprocal.Slice("1 / s", 0, n), Config.LayerNormEpsilon);
    }

    // Follows Features, which leaves 1 / s of the whole stream.
    public override void HeadFeatures(LensInputs at, Tensor features, int head, Tensor x)
    {
        int n = at.Count;
        Tensor result = _result.SliceRows(0, n);
        HeadResult(at, head, result);
        Ops.MatMulTransposed(result, _share, x);
        Ops.ScaleRows(_reciprocal.Slice("1 / s", 0, n), x);
    }

    public override VocabularyMap HeadMap(int head, Tensor? bias) => Map with { Bias = null };

    public override bool HeadBias(Tensor bias) => false;

    internal override Range HeadPart(int head) => Range.All;

    /// <summary>Writes J = I, the logit lens.</summary>
    internal void SetIdentity()
    {
        int C = Config.Width;
        float[] identity = new float[C * C];
        for (int c = 0; c < C; c++)
            identity[c * (C + 1)] = 1f;
        _jacobian.Upload(identity);
    }

    /// <summary>The stream that the lens reads, [n, C].</summary>
    internal Tensor Stream(LensInputs at) => ReadsHeads ? at.After! : at.Post!;

    // gain_i (J_ij - mean over i of J_ij): LayerNorm without its scale is linear.
    static float[] Share(float[] jacobian, float[] gain)
    {
        int C = gain.Length;
        double[] mean = new double[C];
        for (int i = 0; i < C; i++)
            for (int j = 0; j < C; j++)
                mean[j] += (double)jacobian[i * C + j] / C;
        float[] share = new float[jacobian.Length];
        for (int i = 0; i < C; i++)
            for (int j = 0; j < C; j++)
                share[i * C + j] = (float)(gain[i] * (jacobian[i * C + j] - mean[j]));
        return share;
    }
}
