using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The mirror of <see cref="DecoderForward"/>: the same ops in reverse, with the gradients of the sites between.
/// Goes down only as far as something is trained or asked for.
/// </summary>
sealed class DecoderBackward(
    LanguageModel model, DecoderActivations a, SiteRecorder sites, IAttentionGradient attention,
    BackwardMemory d, SiteRecorder gradientSites, PassMemory memory)
{
    readonly Ops ops = model.Ops;
    readonly NamedWeights<Tensor> weights = model.Weights;

    /// <summary>Edits of the forward pass, whose transposes the gradients pass through.</summary>
    internal CompiledEdits? Program { get; set; }

    /// <summary>
    /// From dL/d(final LayerNorm's output), in <see cref="BackwardMemory.LnFinal"/>, down.
    /// </summary>
    internal void Run(ParameterGradients gradients)
    {
        NamedWeights<Tensor?> g = gradients.Named;
        Site? lowestSite = gradientSites.Recorded.Count == 0 ? null : gradientSites.Recorded.Min();
        int lowest = Math.Min(gradients.LowestLayer, LowestLayer(lowestSite));

        At(SiteKind.LnFinalNormalized, 0, d.LnFinal);
        if (lowest >= model.Config.Layers && g.FinalNormWeight is null && g.FinalNormBias is null)
            return;
        FinalNorm(g);
        for (int l = model.Config.Layers - 1; l >= Math.Max(lowest, 0); l--)
        {
            NamedBlock<Tensor> w = weights.Layers[l];
            NamedBlock<Tensor?> block = g.Layers[l];
            bool attention = l > lowest || AttentionIsNeeded(l, block, lowestSite);
            bool norm = attention || NormIsNeeded(l, block, lowestSite);
            FeedForward(l, w, block, norm);
            if (attention)
                Attention(l, w, block);
        }
        if (lowest < 0)
            Embed(g);
    }

    /// <summary>
    /// From dL/d(final LayerNorm's output) down to dL/d(neurons of block <paramref name="layer"/>), in
    /// <see cref="BackwardMemory.Mlp"/>, and no further.
    /// </summary>
    internal void RunToNeurons(int layer, ParameterGradients gradients)
    {
        NamedWeights<Tensor?> g = gradients.Named;
        At(SiteKind.LnFinalNormalized, 0, d.LnFinal);
        FinalNorm(g);
        for (int l = model.Config.Layers - 1; l > layer; l--)
        {
            FeedForward(l, weights.Layers[l], g.Layers[l], norm: true);
            Attention(l, weights.Layers[l], g.Layers[l]);
        }
        Narrow(layer, weights.Layers[layer], g.Layers[layer]);
    }

    void FinalNorm(NamedWeights<Tensor?> g)
    {
        ops.Fill(d.Resid, 0f);
        ops.LayerNormBackward(a.Resid[^1], weights.FinalNormWeight, a.LnFinalMean, a.LnFinalRstd,
            d.LnFinal, d.Resid, g.FinalNormWeight, g.FinalNormBias);
    }

    // Backward of DecoderForward.Narrow.
    void Narrow(int l, NamedBlock<Tensor> w, NamedBlock<Tensor?> g)
    {
        ops.MatMulTransposed(Out(l, g), w.OutWeight, d.Mlp);                 At(SiteKind.MlpPost, l, d.Mlp);
    }

    // With norm down to the stream behind attention, else only as far as the neurons.
    void FeedForward(int l, NamedBlock<Tensor> w, NamedBlock<Tensor?> g, bool norm)
    {
        Tensor input = a.NeuronsTellTheirInputs(l, sites) ? a.MlpPost[l] : a.MlpPre[l];
        if (Uses(SiteKind.MlpPost, l))
        {
            Narrow(l, w, g);
            ops.ActivateBackward(input, d.Mlp, d.Mlp, model.Config.Activation);
        }
        else
            ops.MatMulTransposedActivateBackward(
                Out(l, g), w.OutWeight, input, d.Mlp, model.Config.Activation);
        At(SiteKind.MlpPre, l, d.Mlp);
        WeightGradients(a.Ln2[l], d.Mlp, g.FcWeight, g.FcBias);
        if (!norm)
            return;
        ops.MatMulTransposed(d.Mlp, w.FcWeight, d.Norm);
        At(SiteKind.Ln2Normalized, l, d.Norm);
        ops.LayerNormBackward(a.ResidMid[l], w.Ln2Weight, a.Ln2Mean[l], a.Ln2Rstd[l],
            d.Norm, d.Resid, g.Ln2Weight, g.Ln2Bias);
        At(SiteKind.ResidMid, l, d.Resid);
    }

    // The gradient of what the neurons give, once the weights behind them have theirs.
    Tensor Out(int l, NamedBlock<Tensor?> g)
    {
        At(SiteKind.ResidPost, l, d.Resid);
        Tensor dOut = Branch(SiteKind.MlpOut, l);
        WeightGradients(a.MlpPost[l], dOut, g.OutWeight, g.OutBias);
        return dOut;
    }

    void Attention(int l, NamedBlock<Tensor> w, NamedBlock<Tensor?> g)
    {
        Tensor dOut = Branch(SiteKind.AttnOut, l);
        Project(l, w, g, dOut);                                              At(SiteKind.Z, l, d.Z);
        attention.Backward(l, a, gradientSites, Program, d);
        At(SiteKind.V, l, d.Qkv);
        At(SiteKind.K, l, d.Qkv);
        At(SiteKind.Q, l, d.Qkv);
        WeightGradients(a.Ln1[l], d.Qkv, g.QkvWeight, g.QkvBias);
        ops.MatMulTransposed(d.Qkv, w.QkvWeight, d.Norm);
        At(SiteKind.Ln1Normalized, l, d.Norm);
        ops.LayerNormBackward(a.Resid[l], w.Ln1Weight, a.Ln1Mean[l], a.Ln1Rstd[l],
            d.Norm, d.Resid, g.Ln1Weight, g.Ln1Bias);
        At(SiteKind.ResidPre, l, d.Resid);
    }

    // Backward of DecoderForward.Project: through the one product, or head by head where results are used.
    void Project(int l, NamedBlock<Tensor> w, NamedBlock<Tensor?> g, Tensor dOut)
    {
        if (g.ProjBias is not null)
            ops.BiasGradient(dOut, g.ProjBias);
        if (!Uses(SiteKind.Result, l))
        {
            WeightGradients(a.Z[l], dOut, g.ProjWeight, null);
            ops.MatMulTransposed(dOut, w.ProjWeight, d.Z);
            return;
        }
        int H = model.Config.Heads, C = model.Config.Width, rows = dOut.Rows;
        Tensor dResult = memory.Cut($"gradient of the results of block {l}", rows, H * C);
        for (int h = 0; h < H; h++) // attn_out is a sum, so each head's result has attn_out's gradient
            ops.WriteColumns(dOut, dResult, h * C);
        At(SiteKind.Result, l, dResult);
        ops.HeadResultsBackward(dResult.Reshape(rows, H, C), a.Z[l], w.ProjWeight, d.Z, g.ProjWeight, H);
    }

    void Embed(NamedWeights<Tensor?> g)
    {
        Tensor dTokens = Branch(SiteKind.Embed, 0);
        if (g.TokenEmbedding is not null)
            ops.ScatterAdd(a.Tokens, dTokens, g.TokenEmbedding);
        Tensor dPositions = Branch(SiteKind.PosEmbed, 0);
        if (g.PositionEmbedding is not null)
            ops.ScatterAdd(a.Positions, dPositions, g.PositionEmbedding);
    }

    void WeightGradients(Tensor x, Tensor dY, Tensor? dWeight, Tensor? dBias)
    {
        if (dWeight is not null)
            ops.MatMulWeightGradient(x, dY, dWeight);
        if (dBias is not null)
            ops.BiasGradient(dY, dBias);
    }

    // The stream's gradient is that of everything added to it. Edits of the branch must not touch the
    // stream's.
    Tensor Branch(SiteKind kind, int l)
    {
        Tensor dBranch = d.Resid;
        if (sites.Edits(kind, l))
            ops.Copy(d.Resid, dBranch = d.Branch);
        At(kind, l, dBranch);
        return dBranch;
    }

    bool Uses(SiteKind kind, int l) => sites.Edits(kind, l) || gradientSites.Records(kind, l);

    void At(SiteKind kind, int l, Tensor dX) => gradientSites.AtGradient(kind, l, dX, Program);

    int LowestLayer(Site? lowest)
        => lowest is not { } site || site.Kind >= SiteKind.LnFinalScale ? model.Config.Layers
        : Site.InBlock(site.Kind) ? site.Layer : -1;

    static bool NormIsNeeded(int l, NamedBlock<Tensor?> g, Site? lowestSite)
        => g.Ln2Weight is not null || g.Ln2Bias is not null
        || (lowestSite is { } site && site <= new Site(SiteKind.Ln2Normalized, l));

    static bool AttentionIsNeeded(int l, NamedBlock<Tensor?> g, Site? lowestSite)
        => g.Ln1Weight is not null || g.Ln1Bias is not null || g.QkvWeight is not null
            || g.QkvBias is not null
        || g.ProjWeight is not null || g.ProjBias is not null
        || (lowestSite is { } site && site <= new Site(SiteKind.AttnOut, l));
}

/// <summary>Gradients of activations; one set serves all blocks.</summary>
sealed class BackwardMemory
{
    internal BackwardMemory(TensorArena arena, ModelConfig config, int B, int T)
    {
        int rows = B * T, C = config.Width;
        Resid = arena.Cut("gradient of the stream", rows, C);
        Branch = arena.Cut("gradient of a branch", rows, C);
        Norm = arena.Cut("gradient of a LayerNorm's output", rows, C);
        Z = arena.Cut("gradient of z", rows, C);
        RowDots = arena.Cut("rows of gradient times z", B, config.Heads, T);
        Qkv = arena.Cut("gradient of q, k, v", rows, 3 * C);
        Mlp = arena.Cut("gradient of the neurons", rows, config.Inner);
        LnFinal = arena.Cut("gradient of the final LayerNorm's output", rows, C);
    }

    /// <summary>[B T, C]; of the stream at the place the pass has come to.</summary>
    internal Tensor Resid { get; }

    /// <summary>[B T, C]</summary>
    internal Tensor Branch { get; }

    /// <summary>[B T, C]</summary>
    internal Tensor Norm { get; }

    /// <summary>[B T, C]</summary>
    internal Tensor Z { get; }

    /// <summary>[B, H, T]: room for attention's kernels.</summary>
    internal Tensor RowDots { get; }

    /// <summary>[B T, 3C]</summary>
    internal Tensor Qkv { get; }

    /// <summary>[B T, I]</summary>
    internal Tensor Mlp { get; }

    /// <summary>[B T, C]</summary>
    internal Tensor LnFinal { get; }
}
