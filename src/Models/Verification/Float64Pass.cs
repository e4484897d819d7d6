using System.Numerics;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>One run of <see cref="Float64Decoder"/>: the pass from tokens to logits, a site at a
/// time.</summary>
sealed class Float64Pass(
    ModelConfig config, Func<string, float[]> parameters, float[]? headBias, int T, Float64SiteSink site)
{
    readonly ParameterLayout layout = new(config);
    readonly int C = config.Width, H = config.Heads, D = config.HeadWidth, V = config.VocabSize;

    public double[] Forward(ReadOnlySpan<int> tokens)
    {
        (double[] embed, double[] position) = (new double[T * C], new double[T * C]);
        float[] wte = Of(Role.TokenEmbedding);
        bool learned = config.Architecture.Has(Role.PositionEmbedding);
        float[] wpe = learned ? Of(Role.PositionEmbedding) : [];
        for (int t = 0; t < T; t++)
            for (int c = 0; c < C; c++)
                (embed[t * C + c], position[t * C + c]) = (wte[tokens[t] * C + c],
                    learned ? wpe[t * C + c] : 0);
        site("hook_embed", [T, C], embed);
        if (learned)
            site("hook_pos_embed", [T, C], position);

        double[] resid = learned ? Sum(embed, position) : embed;
        for (int l = 0; l < config.Layers; l++)
            resid = Block(l, resid);
        double[] normalized = LayerNorm("ln_final", Of(Role.FinalNormWeight), Of(Role.FinalNormBias), resid);

        float[] head = Of(config.TiedHead ? Role.TokenEmbedding : Role.HeadWeight);
        double[] logits = Float64Decoder.LinearTransposed(normalized, head, C);
        for (int i = 0; headBias is not null && i < logits.Length; i++)
            logits[i] += headBias[i % V];
        return At("logits", [T, V], logits);
    }

    double[] Block(int l, double[] stream)
    {
        string name = $"blocks.{l}";
        double[] resid = At($"{name}.hook_resid_pre", [T, C], stream);
        double[] x = LayerNorm($"{name}.ln1", Of(Role.Norm1Weight, l), Of(Role.Norm1Bias, l), resid);
        double[] attended = Attention(name, l, x);
        double[] mid = Sum(resid, attended);
        if (!config.ParallelResidual)
            site($"{name}.hook_resid_mid", [T, C], mid);

        int I = config.Inner;
        x = LayerNorm($"{name}.ln2", Of(Role.Norm2Weight, l), Of(Role.Norm2Bias, l),
            config.ParallelResidual ? resid : mid);
        double[] pre = At($"{name}.mlp.hook_pre", [T, I], Linear(x, Role.MlpInWeight, Role.MlpInBias, l));
        double[] post = At($"{name}.mlp.hook_post", [T, I],
            Array.ConvertAll(pre, u => Float64Decoder.Activate(config.Activation, u)));
        double[] down = At($"{name}.hook_mlp_out", [T, C],
            Linear(post, Role.MlpOutWeight, Role.MlpOutBias, l));
        return At($"{name}.hook_resid_post", [T, C], Sum(mid, down));
    }

    double[] Attention(string name, int l, double[] x)
    {
        double[] qkv = Linear(x, Role.QkvWeight, Role.QkvBias, l); // [T, 3, H, D]
        double[] q = At($"{name}.attn.hook_q", [T, H, D], Third(qkv, 0));
        double[] k = At($"{name}.attn.hook_k", [T, H, D], Third(qkv, 1));
        double[] v = At($"{name}.attn.hook_v", [T, H, D], Third(qkv, 2));

        double[] scores = new double[H * T * T], pattern = new double[H * T * T], z = new double[T * C];
        double divisor = (config.ScaleAttention ? Math.Sqrt(D) : 1) * (config.ScaleAttentionByLayer ? l + 1
            : 1);
        (double[] turnedQ, double[] turnedK) = (Turned(q), Turned(k));
        HostParallel.For(H * T, item => AttendFrom(item / T, item % T, turnedQ, turnedK, v, divisor, scores,
            pattern, z));
        site($"{name}.attn.hook_attn_scores", [H, T, T], scores);
        site($"{name}.attn.hook_pattern", [H, T, T], pattern);
        site($"{name}.attn.hook_z", [T, H, D], z);

        float[] weight = Of(Role.ProjWeight, l), bias = Of(Role.ProjBias, l);
        double[] result = At($"{name}.attn.hook_result", [T, H, C], Result(z, weight));
        double[] sum = new double[T * C];
        for (int t = 0; t < T; t++)
            for (int h = 0; h < H; h++)
                for (int c = 0; c < C; c++)
                    sum[t * C + c] += result[(t * H + h) * C + c] + (h == 0 ? bias[c] : 0);
        return At($"{name}.hook_attn_out", [T, C], sum);
    }

    // Rotary embedding: the pair (i, i + m/2) of each head as a complex number, times e^(i t base^(-2i/m)).
    double[] Turned(double[] x)
    {
        int m = config.RotaryNumbers;
        if (m == 0)
            return x;
        double[] y = [.. x];
        for (int t = 0; t < T; t++)
            for (int h = 0; h < H; h++)
                for (int i = 0; i < m / 2; i++)
                {
                    int at = (t * H + h) * D + i;
                    Complex turned = new Complex(x[at], x[at + m / 2])
                        * Complex.FromPolarCoordinates(1, t * Math.Pow(config.RotaryBase, -2.0 * i / m));
                    (y[at], y[at + m / 2]) = (turned.Real, turned.Imaginary);
                }
        return y;
    }

    // One query: its scores against keys 0 to t, their softmax, and the mixture of values.
    void AttendFrom(int h, int t, double[] q, double[] k, double[] v, double divisor, double[] scores,
        double[] pattern, double[] z)
    {
        int row = (h * T + t) * T;
        double max = double.NegativeInfinity, sum = 0;
        for (int s = 0; s < T; s++)
        {
            double dot = 0;
            for (int d = 0; d < D; d++)
                dot += q[(t * H + h) * D + d] * k[(s * H + h) * D + d];
            scores[row + s] = s <= t ? dot / divisor : double.NegativeInfinity;
            max = Math.Max(max, scores[row + s]);
        }
        for (int s = 0; s <= t; s++)
            sum += pattern[row + s] = Math.Exp(scores[row + s] - max);
        for (int s = 0; s <= t; s++)
        {
            pattern[row + s] /= sum;
            for (int d = 0; d < D; d++)
                z[(t * H + h) * D + d] += pattern[row + s] * v[(s * H + h) * D + d];
        }
    }

    // z_h W_O[h]: what each head writes into the stream, without the bias that all heads share.
    double[] Result(double[] z, float[] weight)
    {
        double[] result = new double[T * H * C];
        HostParallel.For(T * H, th =>
        {
            Span<double> to = result.AsSpan(th * C, C);
            for (int d = 0; d < D; d++)
            {
                ReadOnlySpan<float> row = weight.AsSpan((th % H * D + d) * C, C);
                for (int c = 0; c < C; c++)
                    to[c] += z[th * D + d] * row[c];
            }
        });
        return result;
    }

    // scale = sqrt(<(x - <x>)^2> + eps),  normalized = (x - <x>) / scale * weight + bias,  <.> the mean
    double[] LayerNorm(string name, float[] weight, float[] bias, double[] x)
    {
        (double[] scale, double[] y) = (new double[T], new double[T * C]);
        for (int t = 0; t < T; t++)
        {
            double mean = 0, squares = 0;
            for (int c = 0; c < C; c++)
                mean += x[t * C + c] / C;
            for (int c = 0; c < C; c++)
                squares += (x[t * C + c] - mean) * (x[t * C + c] - mean);
            scale[t] = Math.Sqrt(squares / C + config.LayerNormEpsilon);
            for (int c = 0; c < C; c++)
                y[t * C + c] = (x[t * C + c] - mean) / scale[t] * weight[c] + bias[c];
        }
        site($"{name}.hook_scale", [T, 1], scale);
        return At($"{name}.hook_normalized", [T, C], y);
    }

    float[] Of(Role role, int layer = -1) => parameters(layout[role, layer].Name);

    double[] Linear(double[] x, Role weight, Role bias, int l)
        => Float64Decoder.Linear(x, Of(weight, l), Of(bias, l));

    double[] Third(double[] qkv, int which)
    {
        double[] third = new double[T * C];
        for (int t = 0; t < T; t++)
            Array.Copy(qkv, (t * 3 + which) * C, third, t * C, C);
        return third;
    }

    static double[] Sum(double[] a, double[] b)
    {
        double[] sum = new double[a.Length];
        for (int i = 0; i < a.Length; i++)
            sum[i] = a[i] + b[i];
        return sum;
    }

    double[] At(string name, int[] shape, double[] values)
    {
        site(name, shape, values);
        return values;
    }
}
