using System.Globalization;
using System.Numerics;

namespace HeadTap.Reference;

// One run of the textbook GPT-2 forward: every site is computed, shown to the hook, kept.
sealed partial class Gpt2Pass<TReal>(
    Gpt2Sizes sizes, IReadOnlyDictionary<string, TReal[]> parameters, int[] tokens,
    Func<string, TReal[], TReal[]>? hook)
    where TReal : IFloatingPointIeee754<TReal>
{
    readonly int T = tokens.Length, C = sizes.Width, H = sizes.Heads, D = sizes.HeadWidth;

    /// <summary>As recorded: after the hook.</summary>
    public Dictionary<string, TReal[]> Sites { get; } = [];

    /// <summary>As computed: before the hook.</summary>
    Dictionary<string, TReal[]> Computed { get; } = [];

    string HeadWeight => sizes.TiedHead ? "wte.weight" : "lm_head.weight";

    // p: "h.3" in block 3.
    TReal ScoreScale(string p)
    {
        TReal scale = sizes.ScaleAttention ? TReal.One / TReal.Sqrt(TReal.CreateChecked(D)) : TReal.One;
        int layer = int.Parse(p.AsSpan(2), CultureInfo.InvariantCulture);
        return sizes.ScaleAttentionByLayer ? scale / TReal.CreateChecked(layer + 1) : scale;
    }

    public void Forward()
    {
        TReal[] embed = At("hook_embed", Rows("wte.weight", tokens));
        TReal[] resid = !sizes.LearnedPositions ? embed
            : Sum(embed, At("hook_pos_embed", Rows("wpe.weight", [.. Enumerable.Range(0, T)])));
        for (int l = 0; l < sizes.Layers; l++)
            resid = Block($"blocks.{l}", $"h.{l}", resid);
        At("logits", Head(LayerNorm("ln_final", "ln_f", resid)));
    }

    TReal[] Block(string site, string p, TReal[] stream)
    {
        TReal[] resid = At($"{site}.hook_resid_pre", stream);
        TReal[] mid = Sum(resid, Attention(site, p, resid));
        if (!sizes.ParallelResidual)
            mid = At($"{site}.hook_resid_mid", mid);
        TReal[] x = LayerNorm($"{site}.ln2", $"{p}.ln_2", sizes.ParallelResidual ? resid : mid);
        TReal[] pre = At($"{site}.mlp.hook_pre", Linear(x, $"{p}.mlp.c_fc", C, sizes.Inner));
        TReal[] post = At($"{site}.mlp.hook_post",
            Array.ConvertAll(pre, u => Gpt2Activation.Value(sizes.Activation, u)));
        TReal[] narrow = At($"{site}.hook_mlp_out", Linear(post, $"{p}.mlp.c_proj", sizes.Inner, C));
        return At($"{site}.hook_resid_post", Sum(mid, narrow));
    }

    TReal[] Attention(string site, string p, TReal[] resid)
    {
        TReal[] x = LayerNorm($"{site}.ln1", $"{p}.ln_1", resid);
        TReal[] qkv = Linear(x, $"{p}.attn.c_attn", C, 3 * C);
        TReal[] q = At($"{site}.attn.hook_q", Third(qkv, 0));
        TReal[] k = At($"{site}.attn.hook_k", Third(qkv, 1));
        TReal[] v = At($"{site}.attn.hook_v", Third(qkv, 2));
        TReal[] scores = At($"{site}.attn.hook_attn_scores", Scores(Turned(q), Turned(k), ScoreScale(p)));
        TReal[] pattern = At($"{site}.attn.hook_pattern", Softmax(scores));
        TReal[] z = At($"{site}.attn.hook_z", Mix(pattern, v));
        TReal[] result = At($"{site}.attn.hook_result", Result(z, parameters[$"{p}.attn.c_proj.weight"]));
        return At($"{site}.hook_attn_out", SumOfHeads(result, parameters[$"{p}.attn.c_proj.bias"]));
    }

    TReal[] At(string name, TReal[] value)
    {
        Computed.Add(name, value);
        TReal[] flowsOn = hook is null ? value : hook(name, (TReal[])value.Clone());
        Sites.Add(name, flowsOn);
        return flowsOn;
    }

    TReal[] Rows(string table, int[] ids)
    {
        TReal[] rows = new TReal[T * C];
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
                rows[t * C + c] = parameters[table][ids[t] * C + c];
        return rows;
    }

    static TReal[] Sum(TReal[] a, TReal[] b)
    {
        TReal[] sum = new TReal[a.Length];
        for (int i = 0; i < a.Length; i++)
            sum[i] = a[i] + b[i];
        return sum;
    }

    // scale = sqrt(<(x - <x>)^2> + eps),  normalized = (x - <x>) / scale * weight + bias
    TReal[] LayerNorm(string site, string p, TReal[] x)
    {
        (TReal[] weight, TReal[] bias) = (parameters[$"{p}.weight"], parameters[$"{p}.bias"]);
        (TReal[] centered, TReal[] scale, TReal[] y) = (Centered(x), new TReal[T], new TReal[T * C]);
        for (int t = 0; t < T; t++)
        {
            TReal squares = TReal.Zero;
            for (int c = 0; c < C; c++)
                squares += centered[t * C + c] * centered[t * C + c];
            scale[t] = TReal.Sqrt(squares / TReal.CreateChecked(C) + TReal.CreateChecked(sizes.Epsilon));
        }
        scale = At($"{site}.hook_scale", scale);
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
                y[t * C + c] = centered[t * C + c] / scale[t] * weight[c] + bias[c];
        return At($"{site}.hook_normalized", y);
    }

    TReal[] Centered(TReal[] x)
    {
        TReal[] centered = new TReal[T * C];
        for (int t = 0; t < T; t++)
        {
            TReal mean = TReal.Zero;
            for (int c = 0; c < C; c++)
                mean += x[t * C + c];
            mean /= TReal.CreateChecked(C);
            for (int c = 0; c < C; c++)
                centered[t * C + c] = x[t * C + c] - mean;
        }
        return centered;
    }

    // y = x W + b. The loop over outputs is the inner one only so that memory is read in order.
    TReal[] Linear(TReal[] x, string p, int inputs, int outputs)
    {
        (TReal[] weight, TReal[] bias) = (parameters[$"{p}.weight"], parameters[$"{p}.bias"]);
        TReal[] y = new TReal[T * outputs];
        for (int t = 0; t < T; t++)
        {
            for (int i = 0; i < inputs; i++)
                for (int o = 0; o < outputs; o++)
                    y[t * outputs + o] += x[t * inputs + i] * weight[i * outputs + o];
            for (int o = 0; o < outputs; o++)
                y[t * outputs + o] += bias[o];
        }
        return y;
    }

    // Queries, keys and values lie side by side in a row of c_attn's output, each as [H, D].
    TReal[] Third(TReal[] qkv, int which)
    {
        TReal[] third = new TReal[T * C];
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
                third[t * C + c] = qkv[t * 3 * C + which * C + c];
        return third;
    }

    // Rotary embedding of [T, H, D]; back is its transpose.
    TReal[] Turned(TReal[] x, bool back = false)
    {
        TReal[] y = (TReal[])x.Clone();
        int half = sizes.RotaryNumbers / 2;
        for (int t = 0; t < T; t++)
            for (int h = 0; h < H; h++)
                for (int i = 0; i < half; i++)
                {
                    double angle = t * Math.Exp(-Math.Log(sizes.RotaryBase) * i / half) * (back ? -1 : 1);
                    (TReal sin, TReal cos) = (TReal.CreateChecked(Math.Sin(angle)),
                        TReal.CreateChecked(Math.Cos(angle)));
                    int a = (t * H + h) * D + i, b = a + half;
                    (y[a], y[b]) = (x[a] * cos - x[b] * sin, x[b] * cos + x[a] * sin);
                }
        return y;
    }

    TReal[] Scores(TReal[] q, TReal[] k, TReal scale)
    {
        TReal[] scores = new TReal[H * T * T];
        for (int h = 0; h < H; h++)
            for (int t = 0; t < T; t++)
                for (int s = 0; s < T; s++)
                {
                    TReal dot = TReal.Zero;
                    for (int d = 0; d < D; d++)
                        dot += q[(t * H + h) * D + d] * k[(s * H + h) * D + d];
                    scores[(h * T + t) * T + s] = s <= t ? dot * scale : TReal.NegativeInfinity;
                }
        return scores;
    }

    TReal[] Softmax(TReal[] scores)
    {
        TReal[] pattern = new TReal[scores.Length];
        for (int row = 0; row < scores.Length; row += T)
        {
            TReal max = scores[row], sum = TReal.Zero;
            for (int s = 0; s < T; s++)
                max = TReal.Max(max, scores[row + s]);
            for (int s = 0; s < T; s++)
                sum += pattern[row + s] = TReal.Exp(scores[row + s] - max);
            for (int s = 0; s < T; s++)
                pattern[row + s] /= sum;
        }
        return pattern;
    }

    TReal[] Mix(TReal[] pattern, TReal[] v)
    {
        TReal[] z = new TReal[T * C];
        for (int h = 0; h < H; h++)
            for (int t = 0; t < T; t++)
                for (int s = 0; s < T; s++)
                    for (int d = 0; d < D; d++)
                        z[(t * H + h) * D + d] += pattern[(h * T + t) * T + s] * v[(s * H + h) * D + d];
        return z;
    }

    // What each head writes into the stream: z_h W_O[h], without the bias that the heads share.
    TReal[] Result(TReal[] z, TReal[] weight)
    {
        TReal[] result = new TReal[T * H * C];
        for (int t = 0; t < T; t++)
            for (int h = 0; h < H; h++)
                for (int d = 0; d < D; d++)
                    for (int c = 0; c < C; c++)
                        result[(t * H + h) * C + c] += z[(t * H + h) * D + d] * weight[(h * D + d) * C + c];
        return result;
    }

    TReal[] SumOfHeads(TReal[] result, TReal[] bias)
    {
        TReal[] sum = new TReal[T * C];
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
            {
                for (int h = 0; h < H; h++)
                    sum[t * C + c] += result[(t * H + h) * C + c];
                sum[t * C + c] += bias[c];
            }
        return sum;
    }

    TReal[] Head(TReal[] x)
    {
        TReal[] weight = parameters[HeadWeight];
        int V = sizes.Vocabulary;
        TReal[] logits = new TReal[T * V];
        for (int t = 0; t < T; t++)
            for (int v = 0; v < V; v++)
            {
                for (int c = 0; c < C; c++)
                    logits[t * V + v] += x[t * C + c] * weight[v * C + c];
                if (sizes.HeadBias)
                    logits[t * V + v] += parameters["lm_head.bias"][v];
            }
        return logits;
    }
}
