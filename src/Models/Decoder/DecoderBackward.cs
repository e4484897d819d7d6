using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The mirror of <see cref="DecoderForward"/>: the same ops in reverse, with the gradients of the sites
/// between. It goes down only as far as something is trained or recorded.
/// </summary>
sealed class DecoderBackward(LanguageModel model, DecoderActivations a, PassContext pass,
    IAttentionGradient attention, BackwardMemory d)
{
    readonly Ops ops = model.Ops;
    readonly NamedWeights<Tensor> weights = model.Weights;
    readonly SiteRecorder sites = pass.Sites;
    (Site Site, Tensor Gradient)? start; // of a pass that begins below the head

    /// <summary>
    /// From dL/d(final LayerNorm's output), in <see cref="BackwardMemory.LnFinal"/>, down.
    /// </summary>
    internal void Run(ParameterGradients gradients)
    {
        NamedWeights<Tensor?> g = gradients.Named;
        At(SiteKind.LnFinalNormalized, 0, d.LnFinal);
        if (Lowest(gradients) >= model.Config.Layers && g.FinalNormWeight is null && g.FinalNormBias is null)
            return;
        FinalNorm(g);
        Blocks(model.Config.Layers - 1, gradients);
    }

    /// <summary>
    /// From dL/d(values at a site) down, where the loss depends on nothing else: what lies above gets no
    /// gradient.
    /// </summary>
    /// <param name="site">Any site that has a gradient, up to the final LayerNorm's output.</param>
    /// <param name="gradient">[B T, width of the site].</param>
    /// <param name="gradients">Parameter gradients, added into.</param>
    internal void RunFrom(Site site, Tensor gradient, ParameterGradients gradients)
    {
        start = (site, gradient);
        try
        {
            ops.Fill(d.Resid, 0f);
            if (site.Kind == SiteKind.LnFinalNormalized)
                Run(gradients);
            else
                Blocks(Site.InBlock(site.Kind) ? site.Layer : -1, gradients);
        }
        finally
        {
            start = null;
        }
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
            FeedForward(l, g.Layers[l], norm: true);
            Attention(l, g.Layers[l]);
        }
        DownProject(layer, g.Layers[layer]);
    }

    void Blocks(int first, ParameterGradients gradients)
    {
        int lowest = Lowest(gradients);
        for (int l = first; l >= Math.Max(lowest, 0); l--)
        {
            NamedBlock<Tensor?> g = gradients.Named.Layers[l];
            bool attention = l > lowest || AttentionIsNeeded(l, g);
            bool norm = attention || NormIsNeeded(l, g);
            if (!StartsBelow(Site.ResidMid(l)))
                FeedForward(l, g, norm);
            else if (d.Upstream is not null)
                ops.Fill(d.Upstream, 0f);
            if (attention)
                Attention(l, g);
        }
        if (lowest < 0)
            Embed(gradients.Named);
    }

    void FinalNorm(NamedWeights<Tensor?> g)
    {
        ops.Fill(d.Resid, 0f);
        ops.LayerNormBackward(a.Resid[^1], weights.FinalNormWeight, a.LnFinalMean, a.LnFinalRstd,
            d.LnFinal, d.Resid, g.FinalNormWeight, g.FinalNormBias);
    }

    // To the stream after attention with norm, else only to the neurons' inputs.
    void FeedForward(int l, NamedBlock<Tensor?> g, bool norm)
    {
        NamedBlock<Tensor> w = weights.Layers[l];
        Tensor input = a.PostShowsSignOfPre(l, sites) ? a.MlpPost[l] : a.MlpPre[l];
        if (Uses(SiteKind.MlpPost, l))
        {
            DownProject(l, g);
            ops.ActivateBackward(input, d.Mlp, d.Mlp, model.Config.Activation);
        }
        else
            ops.MatMulTransposedActivateBackward(
                MlpOut(l, g), w.MlpOutWeight, input, d.Mlp, model.Config.Activation);
        At(SiteKind.MlpPre, l, d.Mlp);
        WeightGradients(a.Ln2[l], d.Mlp, g.MlpInWeight, g.MlpInBias);
        if (!norm)
            return;
        ops.MatMulTransposed(d.Mlp, w.MlpInWeight, d.Norm);
        At(SiteKind.Ln2Normalized, l, d.Norm);
        ops.LayerNormBackward(a.FeedForwardInput(l), w.Norm2Weight, a.Ln2Mean[l], a.Ln2Rstd[l],
            d.Norm, d.Resid, g.Norm2Weight, g.Norm2Bias);
        if (d.Upstream is null) // a parallel block has no such place
            At(SiteKind.ResidMid, l, d.Resid);
    }

    void DownProject(int l, NamedBlock<Tensor?> g)
    {
        ops.MatMulTransposed(MlpOut(l, g), weights.Layers[l].MlpOutWeight, d.Mlp);
        At(SiteKind.MlpPost, l, d.Mlp);
    }

    // dL/d(mlp_out), after the gradients of the weights that make it.
    Tensor MlpOut(int l, NamedBlock<Tensor?> g)
    {
        At(SiteKind.ResidPost, l, d.Resid);
        if (d.Upstream is not null) // the norm of the feed-forward block is about to add to the stream's
            ops.Copy(d.Resid, d.Upstream);
        Tensor dOut = Branch(SiteKind.MlpOut, l);
        WeightGradients(a.MlpPost[l], dOut, g.MlpOutWeight, g.MlpOutBias);
        return dOut;
    }

    void Attention(int l, NamedBlock<Tensor?> g)
    {
        NamedBlock<Tensor> w = weights.Layers[l];
        ProjectHeads(l, w, g);                                               At(SiteKind.Z, l, d.Z);
        attention.Backward(l, a, d);
        if (model.RotaryTable is { } table)
            ops.RotaryBackward(d.Qkv, a.Positions, table, model.Config.Heads);
        At(SiteKind.V, l, d.Qkv);
        At(SiteKind.K, l, d.Qkv);
        At(SiteKind.Q, l, d.Qkv);
        WeightGradients(a.Ln1[l], d.Qkv, g.QkvWeight, g.QkvBias);
        ops.MatMulTransposed(d.Qkv, w.QkvWeight, d.Norm);
        At(SiteKind.Ln1Normalized, l, d.Norm);
        ops.LayerNormBackward(a.Resid[l], w.Norm1Weight, a.Ln1Mean[l], a.Ln1Rstd[l],
            d.Norm, d.Resid, g.Norm1Weight, g.Norm1Bias);
        At(SiteKind.ResidPre, l, d.Resid);
    }

    // Through the one product, or head by head where results are used.
    void ProjectHeads(int l, NamedBlock<Tensor> w, NamedBlock<Tensor?> g)
    {
        Tensor dOut = Branch(SiteKind.AttnOut, l);
        if (g.ProjBias is not null)
            ops.BiasGradient(dOut, g.ProjBias);
        if (Uses(SiteKind.Result, l))
        {
            HeadResults(l, w, g, dOut);
            return;
        }
        WeightGradients(a.Z[l], dOut, g.ProjWeight, null);
        ops.MatMulTransposed(dOut, w.ProjWeight, d.Z);
    }

    void HeadResults(int l, NamedBlock<Tensor> w, NamedBlock<Tensor?> g, Tensor dOut)
    {
        int H = model.Config.Heads, C = model.Config.Width, rows = dOut.Rows;
        Tensor dResult = pass.Memory.Keep($"gradient of the results of block {l}", rows, H * C);
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
        if (weights.PositionEmbedding is null)
            return;
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

    // What is added to the stream has the stream's gradient, but edits of the branch must not change that of
    // the stream.
    Tensor Branch(SiteKind kind, int l)
    {
        Tensor upstream = kind == SiteKind.AttnOut ? d.Upstream ?? d.Resid : d.Resid, dBranch = upstream;
        if (sites.Edits(kind, l) || StartsAt(kind, l))
            ops.Copy(upstream, dBranch = d.Branch);
        At(kind, l, dBranch);
        return dBranch;
    }

    bool Uses(SiteKind kind, int l)
        => sites.Edits(kind, l) || pass.GradientSites.Records(kind, l) || StartsAt(kind, l);

    void At(SiteKind kind, int l, Tensor dX)
    {
        if (StartsAt(kind, l))
            WriteStart(SiteLayout.Of(kind, model.Config, pass.Batch.B, pass.Batch.T), dX);
        pass.AtGradient(kind, l, dX);
    }

    void WriteStart(SiteLayout layout, Tensor dX)
    {
        Tensor gradient = start!.Value.Gradient;
        if (layout.Dense)
            ops.Copy(gradient, dX.Reshape(gradient.Shape));
        else
            ops.WriteColumns(gradient, dX, layout.Column);
    }

    bool StartsAt(SiteKind kind, int l) => start is { } s && s.Site == new Site(kind, l);

    bool StartsBelow(Site site) => start is { } s && s.Site < site;

    // The lowest block to go through; -1 for the embedding, the number of blocks for none.
    int Lowest(ParameterGradients gradients) => Math.Min(gradients.LowestLayer, LowestLayer(LowestSite));

    Site? LowestSite
        => pass.GradientSites.Recorded.Count == 0 ? null : pass.GradientSites.Recorded.Min();

    int LowestLayer(Site? lowest)
        => lowest is not { } site || site.Kind >= SiteKind.LnFinalScale ? model.Config.Layers
        : Site.InBlock(site.Kind) ? site.Layer : -1;

    bool NormIsNeeded(int l, NamedBlock<Tensor?> g)
        => g.Norm2Weight is not null || g.Norm2Bias is not null
        || (LowestSite is { } site && site <= Site.Ln2Normalized(l));

    bool AttentionIsNeeded(int l, NamedBlock<Tensor?> g)
        => g.Norm1Weight is not null || g.Norm1Bias is not null || g.QkvWeight is not null
        || g.QkvBias is not null || g.ProjWeight is not null || g.ProjBias is not null
        || (LowestSite is { } site && site <= Site.AttnOut(l));
}
