using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// GPT-2's forward pass (Radford et al. 2019), read from top to bottom: one op a line, with the sites
/// between. <see cref="DecoderBackward"/> is its mirror.
/// </summary>
sealed class DecoderForward(LanguageModel model, DecoderActivations a, SiteRecorder sites, AttentionPath attention,
    LastRows? last = null)
{
    readonly Ops ops = model.Ops;
    readonly NamedWeights<Tensor> weights = model.Weights;
    readonly float eps = model.Config.LayerNormEpsilon;
    readonly DecoderForward? narrow =
        last is null ? null : new DecoderForward(model, last.Activations, sites, attention);
    bool onlyLast, narrowed;

    /// <summary>
    /// Whether the last block went on with each row's last token alone, so that
    /// <see cref="LastRows.Activations"/> hold the final LayerNorm's output.
    /// </summary>
    internal bool Narrowed => narrowed;

    /// <summary>From tokens to the final LayerNorm; the head is <see cref="DecoderHead"/>.</summary>
    /// <param name="lastRowsOnly">Whether nobody will look at the final LayerNorm but at each row's last
    /// token.</param>
    internal void Run(bool lastRowsOnly = false)
    {
        (onlyLast, narrowed) = (lastRowsOnly, false);
        Embed();
        Blocks(0);
    }

    /// <summary>The rest of a pass: the values of <paramref name="from"/> are in place.</summary>
    /// <param name="from">Where.</param>
    /// <param name="lastRowsOnly">As in the whole pass.</param>
    internal void Run(ResumePoint from, bool lastRowsOnly = true)
    {
        (onlyLast, narrowed) = (lastRowsOnly, false);
        int l = from.Layer;
        if (from.AttnOut is null)
        {
            Blocks(l);
            return;
        }
        AddAttention(l, a.Resid[l]);
        FeedForward(l);
        Blocks(l + 1);
    }

    /// <summary>
    /// The rest of a pass from the neurons of block <paramref name="l"/> on: their values and the stream
    /// behind the block's attention are in place.
    /// </summary>
    internal void RunFromNeurons(int l)
    {
        (onlyLast, narrowed) = (false, false);
        Narrow(l);
        Blocks(l + 1);
    }

    void Blocks(int first)
    {
        for (int l = first; l < model.Config.Layers; l++)
            Block(l);
        (narrowed ? narrow! : this).FinalNorm();
    }

    void FinalNorm()
    {
        ops.LayerNorm(a.Resid[^1], weights.FinalNormWeight, weights.FinalNormBias,
            a.LnFinal, a.LnFinalMean, a.LnFinalRstd, eps);
        At(SiteKind.LnFinalScale, 0, a.LnFinalRstd);
        At(SiteKind.LnFinalNormalized, 0, a.LnFinal);
    }

    void Embed()
    {
        Tensor x = a.Resid[0];
        if (!sites.Uses(SiteKind.Embed, 0) && !sites.Uses(SiteKind.PosEmbed, 0))
        {
            ops.Gather(a.Tokens, weights.TokenEmbedding, x);
            ops.Gather(a.Positions, weights.PositionEmbedding, x, accumulate: true);
            return;
        }
        Tensor position = a.ResidMid[0]; // free until the first block
        ops.Gather(a.Tokens, weights.TokenEmbedding, x);             At(SiteKind.Embed, 0, x);
        ops.Gather(a.Positions, weights.PositionEmbedding, position); At(SiteKind.PosEmbed, 0, position);
        ops.AddInto(position, x);
    }

    void Block(int l)
    {
        NamedBlock<Tensor> w = weights.Layers[l];
        Tensor x = a.Resid[l];
        At(SiteKind.ResidPre, l, x);

        ops.LayerNorm(x, w.Ln1Weight, w.Ln1Bias, a.Ln1[l], a.Ln1Mean[l], a.Ln1Rstd[l], eps);
        At(SiteKind.Ln1Scale, l, a.Ln1Rstd[l]);
        At(SiteKind.Ln1Normalized, l, a.Ln1[l]);
        ops.MatMul(a.Ln1[l], w.QkvWeight, w.QkvBias, a.Qkv[l]);
        At(SiteKind.Q, l, a.Qkv[l]);
        At(SiteKind.K, l, a.Qkv[l]);
        At(SiteKind.V, l, a.Qkv[l]);
        attention.Forward(l, a, sites);                               At(SiteKind.Z, l, a.Z[l]);
        if (OnlyLastRowsAfter(SiteKind.Z, l))
        {
            ops.Gather(last!.Ids, a.Z[l], last.Activations.Z[l]);
            ops.Gather(last.Ids, x, last.Activations.Resid[l]);
            narrow!.Project(l, w, last.Activations.Resid[l]);
            narrow.Neurons(l);
            narrowed = true;
            return;
        }
        Project(l, w, x);
        FeedForward(l);
    }

    // From the stream behind attention to the block's end.
    void FeedForward(int l)
    {
        At(SiteKind.ResidMid, l, a.ResidMid[l]);
        narrowed = OnlyLastRowsAfter(SiteKind.ResidMid, l);
        if (narrowed)
            ops.Gather(last!.Ids, a.ResidMid[l], last.Activations.ResidMid[l]);
        (narrowed ? narrow! : this).Neurons(l);
    }

    void Neurons(int l)
    {
        NamedBlock<Tensor> w = weights.Layers[l];
        ops.LayerNorm(a.ResidMid[l], w.Ln2Weight, w.Ln2Bias, a.Ln2[l], a.Ln2Mean[l], a.Ln2Rstd[l], eps);
        At(SiteKind.Ln2Scale, l, a.Ln2Rstd[l]);
        At(SiteKind.Ln2Normalized, l, a.Ln2[l]);
        if (OnePass(SiteKind.MlpPre, l) && (!a.Kept || a.NeuronsTellTheirInputs(l, sites)))
            ops.MatMulActivate(a.Ln2[l], w.FcWeight, w.FcBias, a.MlpPost[l], model.Config.Activation);
        else
        {
            ops.MatMul(a.Ln2[l], w.FcWeight, w.FcBias, a.MlpPre[l]);
            At(SiteKind.MlpPre, l, a.MlpPre[l]);
            ops.Activate(a.MlpPre[l], a.MlpPost[l], model.Config.Activation);
        }
        At(SiteKind.MlpPost, l, a.MlpPost[l]);
        Narrow(l);
    }

    // From the neurons to the block's end.
    void Narrow(int l)
    {
        NamedBlock<Tensor> w = weights.Layers[l];
        Tensor y = a.Resid[l + 1];
        if (OnePass(SiteKind.MlpOut, l))
            ops.MatMulAdd(a.MlpPost[l], w.OutWeight, w.OutBias, a.ResidMid[l], y);
        else
        {
            ops.MatMul(a.MlpPost[l], w.OutWeight, w.OutBias, a.MlpOut[l]);
            At(SiteKind.MlpOut, l, a.MlpOut[l]);
            ops.Add(a.ResidMid[l], a.MlpOut[l], y);
        }
        At(SiteKind.ResidPost, l, y);
    }

    // attn_out = sum over heads of z_h W_O[h], plus b_O: one product, or head by head where results are used.
    void Project(int l, NamedBlock<Tensor> w, Tensor x)
    {
        if (sites.Uses(SiteKind.Result, l))
        {
            Tensor result = attention.ResultMemory(l, sites);
            ops.HeadResults(a.Z[l], w.ProjWeight, result, model.Config.Heads);
            At(SiteKind.Result, l, result);
            ops.HeadResultsSum(result, w.ProjBias, a.AttnOut[l]);
        }
        else if (OnePass(SiteKind.AttnOut, l))
        {
            ops.MatMulAdd(a.Z[l], w.ProjWeight, w.ProjBias, x, a.ResidMid[l]);
            return;
        }
        else
            ops.MatMul(a.Z[l], w.ProjWeight, w.ProjBias, a.AttnOut[l]);
        AddAttention(l, x);
    }

    void AddAttention(int l, Tensor x)
    {
        At(SiteKind.AttnOut, l, a.AttnOut[l]);
        ops.Add(x, a.AttnOut[l], a.ResidMid[l]);
    }

    // A product whose output nobody looks at is added to the stream, or goes through the nonlinearity, as it
    // is stored, to the same bits.
    bool OnePass(SiteKind output, int l) => !sites.Uses(output, l);

    // Behind the last attention nothing passes between tokens: where only the last ones' logits are wanted,
    // the others need not go on, three quarters of a block's arithmetic.
    bool OnlyLastRowsAfter(SiteKind kind, int l)
        => onlyLast && last is not null && l == model.Config.Layers - 1
            && !sites.UsesAfter(new Site(kind, l));

    void At(SiteKind kind, int layer, Tensor x) => sites.At(kind, layer, x);
}
