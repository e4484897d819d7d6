namespace HeadTap.Reference;

// The mirror of Gpt2Pass.cs: each method takes the gradient by what its namesake returned.
sealed partial class Gpt2Pass<TReal>
{
    Func<string, TReal[], TReal[]>? _hookBackward;

    public Dictionary<string, TReal[]> ParameterGradients { get; } =
        sizes.Parameters().ToDictionary(p => p.Name, p => new TReal[p.Shape.Aggregate(1, (a, b) => a * b)]);

    public Dictionary<string, TReal[]> SiteGradients { get; } = [];

    public void Backward(TReal[] dLogits, Func<string, TReal[], TReal[]>? hookBackward)
    {
        _hookBackward = hookBackward;
        TReal[] dNormalized = HeadBackward(AtBackward("logits", dLogits));
        int last = sizes.Layers - 1;
        TReal[] dResid = LayerNormBackward("ln_final", "ln_f", $"blocks.{last}.hook_resid_post", dNormalized);
        for (int l = last; l >= 0; l--)
            dResid = BlockBackward($"blocks.{l}", $"h.{l}", dResid);
        RowsBackward("wte.weight", tokens, AtBackward("hook_embed", dResid));
        if (sizes.LearnedPositions)
            RowsBackward("wpe.weight", [.. Enumerable.Range(0, T)], AtBackward("hook_pos_embed", dResid));
    }

    TReal[] BlockBackward(string site, string p, TReal[] dStream)
    {
        TReal[] dPost = AtBackward($"{site}.hook_resid_post", dStream);
        TReal[] dNarrow = AtBackward($"{site}.hook_mlp_out", dPost);
        TReal[] dActive = AtBackward($"{site}.mlp.hook_post",
            LinearBackward(Sites[$"{site}.mlp.hook_post"], $"{p}.mlp.c_proj", sizes.Inner, C, dNarrow));
        TReal[] dWide = new TReal[dActive.Length], wide = Sites[$"{site}.mlp.hook_pre"];
        for (int i = 0; i < dWide.Length; i++)
            dWide[i] = dActive[i] * Gpt2Activation.Slope(sizes.Activation, wide[i]);
        TReal[] dX = LinearBackward(Sites[$"{site}.ln2.hook_normalized"], $"{p}.mlp.c_fc", C, sizes.Inner,
            AtBackward($"{site}.mlp.hook_pre", dWide));
        if (sizes.ParallelResidual)
        {
            TReal[] dBoth = Sum(LayerNormBackward($"{site}.ln2", $"{p}.ln_2", $"{site}.hook_resid_pre", dX),
                AttentionBackward(site, p, dPost));
            return AtBackward($"{site}.hook_resid_pre", Sum(dPost, dBoth));
        }
        TReal[] dMid = AtBackward($"{site}.hook_resid_mid",
            Sum(dPost, LayerNormBackward($"{site}.ln2", $"{p}.ln_2", $"{site}.hook_resid_mid", dX)));
        return AtBackward($"{site}.hook_resid_pre", Sum(dMid, AttentionBackward(site, p, dMid)));
    }

    TReal[] AttentionBackward(string site, string p, TReal[] dMid)
    {
        TReal[] dAttnOut = AtBackward($"{site}.hook_attn_out", dMid);
        TReal[] dResult = AtBackward($"{site}.attn.hook_result",
            SumOfHeadsBackward(dAttnOut, ParameterGradients[$"{p}.attn.c_proj.bias"]));
        TReal[] dZ = AtBackward($"{site}.attn.hook_z",
            ResultBackward(Sites[$"{site}.attn.hook_z"], $"{p}.attn.c_proj.weight", dResult));
        (TReal[] dPattern, TReal[] dV) =
            MixBackward(Sites[$"{site}.attn.hook_pattern"], Sites[$"{site}.attn.hook_v"], dZ);
        TReal[] dScores = SoftmaxBackward(Computed[$"{site}.attn.hook_pattern"],
            AtBackward($"{site}.attn.hook_pattern", dPattern));
        (TReal[] dQ, TReal[] dK) = ScoresBackward(
            Turned(Sites[$"{site}.attn.hook_q"]), Turned(Sites[$"{site}.attn.hook_k"]),
            AtBackward($"{site}.attn.hook_attn_scores", dScores), ScoreScale(p));
        TReal[] dQkv = SideBySide(
            AtBackward($"{site}.attn.hook_q", Turned(dQ, back: true)),
            AtBackward($"{site}.attn.hook_k", Turned(dK, back: true)),
            AtBackward($"{site}.attn.hook_v", dV));
        TReal[] dX = LinearBackward(Sites[$"{site}.ln1.hook_normalized"], $"{p}.attn.c_attn", C, 3 * C, dQkv);
        return LayerNormBackward($"{site}.ln1", $"{p}.ln_1", $"{site}.hook_resid_pre", dX);
    }

    TReal[] AtBackward(string name, TReal[] gradient)
    {
        SiteGradients.Add(name, gradient);
        return _hookBackward is null ? gradient : _hookBackward(name, (TReal[])gradient.Clone());
    }

    void RowsBackward(string table, int[] ids, TReal[] dRows)
    {
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
                ParameterGradients[table][ids[t] * C + c] += dRows[t * C + c];
    }

    TReal[] LayerNormBackward(string site, string p, string input, TReal[] dNormalized)
    {
        TReal[] weight = parameters[$"{p}.weight"], centered = Centered(Sites[input]);
        TReal[] computed = Computed[$"{site}.hook_scale"], scale = Sites[$"{site}.hook_scale"];
        TReal[] dWeight = ParameterGradients[$"{p}.weight"], dBias = ParameterGradients[$"{p}.bias"];
        TReal[] dY = AtBackward($"{site}.hook_normalized", dNormalized);
        (TReal[] dScale, TReal[] dCentered) = (new TReal[T], new TReal[T * C]);
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
            {
                int i = t * C + c;
                dWeight[c] += dY[i] * centered[i] / scale[t];
                dBias[c] += dY[i];
                dCentered[i] = dY[i] * weight[c] / scale[t];
                dScale[t] -= dY[i] * weight[c] * centered[i] / (scale[t] * scale[t]);
            }
        dScale = AtBackward($"{site}.hook_scale", dScale);
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
                dCentered[t * C + c] +=
                    dScale[t] * centered[t * C + c] / (TReal.CreateChecked(C) * computed[t]);
        return Centered(dCentered); // taking the mean off is its own transpose
    }

    // dX = dY W^T, dW += X^T dY, db += the sum of dY's rows
    TReal[] LinearBackward(TReal[] x, string p, int inputs, int outputs, TReal[] dY)
    {
        TReal[] weight = parameters[$"{p}.weight"], dX = new TReal[T * inputs];
        TReal[] dWeight = ParameterGradients[$"{p}.weight"], dBias = ParameterGradients[$"{p}.bias"];
        for (int t = 0; t < T; t++)
        {
            for (int i = 0; i < inputs; i++)
                for (int o = 0; o < outputs; o++)
                {
                    dX[t * inputs + i] += dY[t * outputs + o] * weight[i * outputs + o];
                    dWeight[i * outputs + o] += x[t * inputs + i] * dY[t * outputs + o];
                }
            for (int o = 0; o < outputs; o++)
                dBias[o] += dY[t * outputs + o];
        }
        return dX;
    }

    TReal[] SideBySide(TReal[] dQ, TReal[] dK, TReal[] dV)
    {
        TReal[] dQkv = new TReal[T * 3 * C];
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
            {
                dQkv[t * 3 * C + c] = dQ[t * C + c];
                dQkv[t * 3 * C + C + c] = dK[t * C + c];
                dQkv[t * 3 * C + 2 * C + c] = dV[t * C + c];
            }
        return dQkv;
    }

    (TReal[] DQ, TReal[] DK) ScoresBackward(
        TReal[] q, TReal[] k, TReal[] dScores, TReal scale)
    {
        (TReal[] dQ, TReal[] dK) = (new TReal[q.Length], new TReal[k.Length]);
        for (int h = 0; h < H; h++)
            for (int t = 0; t < T; t++)
                for (int s = 0; s <= t; s++)
                    for (int d = 0; d < D; d++)
                    {
                        TReal g = dScores[(h * T + t) * T + s] * scale;
                        dQ[(t * H + h) * D + d] += g * k[(s * H + h) * D + d];
                        dK[(s * H + h) * D + d] += g * q[(t * H + h) * D + d];
                    }
        return (dQ, dK);
    }

    TReal[] SoftmaxBackward(TReal[] pattern, TReal[] dPattern)
    {
        TReal[] dScores = new TReal[pattern.Length];
        for (int row = 0; row < pattern.Length; row += T)
        {
            TReal mean = TReal.Zero;
            for (int s = 0; s < T; s++)
                mean += pattern[row + s] * dPattern[row + s];
            for (int s = 0; s < T; s++)
                dScores[row + s] = pattern[row + s] * (dPattern[row + s] - mean);
        }
        return dScores;
    }

    (TReal[] DPattern, TReal[] DV) MixBackward(TReal[] pattern, TReal[] v, TReal[] dZ)
    {
        (TReal[] dPattern, TReal[] dV) = (new TReal[pattern.Length], new TReal[v.Length]);
        for (int h = 0; h < H; h++)
            for (int t = 0; t < T; t++)
                for (int s = 0; s < T; s++)
                    for (int d = 0; d < D; d++)
                    {
                        TReal g = dZ[(t * H + h) * D + d];
                        dPattern[(h * T + t) * T + s] += g * v[(s * H + h) * D + d];
                        dV[(s * H + h) * D + d] += g * pattern[(h * T + t) * T + s];
                    }
        return (dPattern, dV);
    }

    TReal[] ResultBackward(TReal[] z, string matrix, TReal[] dResult)
    {
        TReal[] weight = parameters[matrix], dWeight = ParameterGradients[matrix], dZ = new TReal[T * C];
        for (int t = 0; t < T; t++)
            for (int h = 0; h < H; h++)
                for (int d = 0; d < D; d++)
                    for (int c = 0; c < C; c++)
                    {
                        TReal g = dResult[(t * H + h) * C + c];
                        dZ[(t * H + h) * D + d] += g * weight[(h * D + d) * C + c];
                        dWeight[(h * D + d) * C + c] += g * z[(t * H + h) * D + d];
                    }
        return dZ;
    }

    TReal[] SumOfHeadsBackward(TReal[] dSum, TReal[] dBias)
    {
        TReal[] dResult = new TReal[T * H * C];
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
            {
                for (int h = 0; h < H; h++)
                    dResult[(t * H + h) * C + c] = dSum[t * C + c];
                dBias[c] += dSum[t * C + c];
            }
        return dResult;
    }

    TReal[] HeadBackward(TReal[] dLogits)
    {
        TReal[] weight = parameters[HeadWeight], dWeight = ParameterGradients[HeadWeight];
        TReal[] x = Sites["ln_final.hook_normalized"], dX = new TReal[T * C];
        int V = sizes.Vocabulary;
        for (int t = 0; t < T; t++)
            for (int v = 0; v < V; v++)
            {
                TReal g = dLogits[t * V + v];
                for (int c = 0; c < C; c++)
                {
                    dX[t * C + c] += g * weight[v * C + c];
                    dWeight[v * C + c] += g * x[t * C + c];
                }
                if (sizes.HeadBias)
                    ParameterGradients["lm_head.bias"][v] += g;
            }
        return dX;
    }
}
