using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The forward pass of a pre-LayerNorm decoder (GPT-2: Radford et al. 2019), read from top to bottom: one op
/// per line, with the sites between. <see cref="DecoderBackward"/> is its mirror; the head is
/// <see cref="DecoderHead"/>.
/// </summary>
sealed class DecoderForward(
    LanguageModel model, DecoderActivations a, PassContext pass, AttentionPath attention)
{
    readonly Ops ops = model.Ops;
    readonly NamedWeights<Tensor> weights = model.Weights;
    readonly SiteRecorder sites = pass.Sites;
    readonly float eps = model.Config.LayerNormEpsilon;

    /// <summary>From tokens to the final LayerNorm.</summary>
    /// <param name="from">Where to resume, its values in place; null to begin with the tokens.</param>
    internal void Run(ResumePoint? from = null)
    {
        RunTo(model.Config.Layers, from);
        FinalNorm();
    }

    /// <summary>
    /// The rest of a pass from the neurons of block <paramref name="l"/> on: their values and the stream
    /// after the block's attention are in place.
    /// </summary>
    internal void RunFromNeurons(int l)
    {
        DownProject(l);
        for (int next = l + 1; next < model.Config.Layers; next++)
            Block(next);
        FinalNorm();
    }

    /// <summary>All blocks before block <paramref name="end"/>.</summary>
    internal void RunTo(int end, ResumePoint? from)
    {
        int l = 0;
        if (from is null)
            Embed();
        else
            l = from.Layer;
        if (from?.AttnOut is not null)
        {
            AddAttention(l);
            FeedForward(l++);
        }
        for (; l < end; l++)
            Block(l);
    }

    void Block(int l)
    {
        Attend(l);
        ProjectHeads(l);
        FeedForward(l);
    }

    void Embed()
    {
        Tensor x = a.Resid[0];
        ops.Gather(a.Tokens, weights.TokenEmbedding, x);             At(SiteKind.Embed, 0, x);
        if (weights.PositionEmbedding is { } learned)
            AddPositions(learned, x);
    }

    void AddPositions(Tensor learned, Tensor x)
    {
        if (!sites.Uses(SiteKind.Embed, 0) && !sites.Uses(SiteKind.PosEmbed, 0))
        {
            ops.Gather(a.Positions, learned, x, accumulate: true);
            return;
        }
        Tensor position = a.ResidMid[0]; // free until the first block
        ops.Gather(a.Positions, learned, position);                  At(SiteKind.PosEmbed, 0, position);
        ops.AddInto(position, x);
    }

    /// <summary>From the stream into a block to each head's mix of values, z.</summary>
    internal void Attend(int l)
    {
        NamedBlock<Tensor> w = weights.Layers[l];
        At(SiteKind.ResidPre, l, a.Resid[l]);
        ops.LayerNorm(a.Resid[l], w.Norm1Weight, w.Norm1Bias, a.Ln1[l], a.Ln1Mean[l], a.Ln1Rstd[l], eps);
        At(SiteKind.Ln1Scale, l, a.Ln1Rstd[l]);
        At(SiteKind.Ln1Normalized, l, a.Ln1[l]);
        ops.MatMul(a.Ln1[l], w.QkvWeight, w.QkvBias, a.Qkv[l]);
        At(SiteKind.Q, l, a.Qkv[l]);
        At(SiteKind.K, l, a.Qkv[l]);
        At(SiteKind.V, l, a.Qkv[l]);
        if (model.RotaryTable is { } table)
            ops.Rotary(a.Qkv[l], a.Positions, table, model.Config.Heads);
        attention.Forward(l, a);                                     At(SiteKind.Z, l, a.Z[l]);
    }

    /// <summary>
    /// attn_out = sum over heads of z_h W_O[h], plus b_O, added to the stream: one product, or head by head
    /// where results are used.
    /// </summary>
    internal void ProjectHeads(int l)
    {
        NamedBlock<Tensor> w = weights.Layers[l];
        if (sites.Uses(SiteKind.Result, l))
            HeadResults(l, w);
        else if (Fuses(SiteKind.AttnOut, l))
        {
            ops.MatMulAdd(a.Z[l], w.ProjWeight, w.ProjBias, a.Resid[l], a.ResidMid[l]);
            At(SiteKind.ResidMid, l, a.ResidMid[l]);
            return;
        }
        else
            ops.MatMul(a.Z[l], w.ProjWeight, w.ProjBias, a.AttnOut[l]);
        AddAttention(l);
    }

    void HeadResults(int l, NamedBlock<Tensor> w)
    {
        int H = model.Config.Heads;
        Tensor result = sites.Copy(Site.Result(l))
            ?? pass.Memory.Cut($"results of block {l}", a.Z[l].Rows, H, model.Config.Width);
        ops.HeadResults(a.Z[l], w.ProjWeight, result, H);            At(SiteKind.Result, l, result);
        ops.HeadResultsSum(result, w.ProjBias, a.AttnOut[l]);
    }

    /// <summary>Adds what attention gave to the stream.</summary>
    internal void AddAttention(int l)
    {
        At(SiteKind.AttnOut, l, a.AttnOut[l]);
        ops.Add(a.Resid[l], a.AttnOut[l], a.ResidMid[l]);            At(SiteKind.ResidMid, l, a.ResidMid[l]);
    }

    /// <summary>From the stream after attention to the stream out of the block.</summary>
    internal void FeedForward(int l)
    {
        NamedBlock<Tensor> w = weights.Layers[l];
        ops.LayerNorm(a.FeedForwardInput(l), w.Norm2Weight, w.Norm2Bias, a.Ln2[l], a.Ln2Mean[l], a.Ln2Rstd[l],
            eps);
        At(SiteKind.Ln2Scale, l, a.Ln2Rstd[l]);
        At(SiteKind.Ln2Normalized, l, a.Ln2[l]);
        if (Fuses(SiteKind.MlpPre, l) && (!a.Kept || a.PostShowsSignOfPre(l, sites)))
            ops.MatMulActivate(a.Ln2[l], w.MlpInWeight, w.MlpInBias, a.MlpPost[l], model.Config.Activation);
        else
        {
            ops.MatMul(a.Ln2[l], w.MlpInWeight, w.MlpInBias, a.MlpPre[l]);
            At(SiteKind.MlpPre, l, a.MlpPre[l]);
            ops.Activate(a.MlpPre[l], a.MlpPost[l], model.Config.Activation);
        }
        At(SiteKind.MlpPost, l, a.MlpPost[l]);
        DownProject(l);
    }

    void DownProject(int l)
    {
        NamedBlock<Tensor> w = weights.Layers[l];
        Tensor y = a.Resid[l + 1];
        if (Fuses(SiteKind.MlpOut, l))
            ops.MatMulAdd(a.MlpPost[l], w.MlpOutWeight, w.MlpOutBias, a.ResidMid[l], y);
        else
        {
            ops.MatMul(a.MlpPost[l], w.MlpOutWeight, w.MlpOutBias, a.MlpOut[l]);
            At(SiteKind.MlpOut, l, a.MlpOut[l]);
            ops.Add(a.ResidMid[l], a.MlpOut[l], y);
        }
        At(SiteKind.ResidPost, l, y);
    }

    /// <summary>The final LayerNorm.</summary>
    internal void FinalNorm()
    {
        ops.LayerNorm(a.Resid[^1], weights.FinalNormWeight, weights.FinalNormBias,
            a.LnFinal, a.LnFinalMean, a.LnFinalRstd, eps);
        At(SiteKind.LnFinalScale, 0, a.LnFinalRstd);
        At(SiteKind.LnFinalNormalized, 0, a.LnFinal);
    }

    // If a product's output is neither recorded nor edited, the residual add or the nonlinearity is fused
    // with it; same bits.
    bool Fuses(SiteKind output, int l) => !sites.Uses(output, l);

    void At(SiteKind kind, int layer, Tensor x) => sites.At(kind, layer, x);
}
