namespace HeadTap.Models;

/// <summary>
/// TransformerLens' rewriting of weights on loading: fold LayerNorm, centre writing weights, centre the
/// unembedding, fold value biases (TransformerLens 1.4.0, <c>from_pretrained</c>'s defaults, in its order).
/// Softmax outputs stay what they were; the unembedding does not, and the injection paper builds its memories
/// from this one.
/// </summary>
/// <remarks>
/// The result is a GPT-2 with gains 1, shifts 0, an untied head and a head bias. Sums are in float64. The
/// stream has zero mean in every token, so our LayerNorm on it is their LayerNormPre.
/// </remarks>
public static class WeightProcessing
{
    /// <summary>A processed copy of a model, on the same device; the original is left as it is.</summary>
    public static LanguageModel TransformerLens(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        ModelConfig config = model.Config with { TiedHead = false, HeadBias = true };
        var processed = new LanguageModel(model.Device, config);
        try
        {
            Func<string, double[]> read = P(model);
            void Put(string name, double[] values)
                => processed.Set[name].Upload(Array.ConvertAll(values, v => (float)v));
            (double[] head, double[] bias) = FoldedUnembedding(model.Config, read);
            Put("lm_head.weight", head);
            Put("lm_head.bias", bias);
            PutEmbeddings(config, read, Put);
            for (int l = 0; l < config.Layers; l++)
                PutBlock(config, $"h.{l}", read, Put);
            PutUnitNorm(config, "ln_f", Put);
            return processed;
        }
        catch
        {
            processed.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The unembedding alone: LayerNorm folded in, without its mean over C, and without its mean over V.
    /// </summary>
    /// <remarks>
    /// W_U &lt;- diag(ln_f.w) W_U and b_U &lt;- b_U + ln_f.b W_U; W_U minus its mean over C; then both minus
    /// their means over V. For a vector x with zero mean and unit variance x W_U + b_U are the model's
    /// logits, less one number for all tokens.
    /// </remarks>
    /// <returns>W_U transposed, [V, C], and b_U, [V].</returns>
    public static (float[] Weight, float[] Bias) Unembedding(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        (double[] head, double[] bias) = FoldedUnembedding(model.Config, P(model));
        return (Array.ConvertAll(head, v => (float)v), Array.ConvertAll(bias, v => (float)v));
    }

    static Func<string, double[]> P(LanguageModel model)
        => name => Array.ConvertAll(model.Set[name].ToArray(), v => (double)v);

    static (double[] Head, double[] Bias) FoldedUnembedding(ModelConfig config, Func<string, double[]> P)
    {
        int C = config.Width, V = config.VocabSize;
        double[] head = P(config.TiedHead ? "wte.weight" : "lm_head.weight"); // [V, C]: W_U transposed
        double[] gain = P("ln_f.weight"), shift = P("ln_f.bias");
        double[] bias = config.HeadBias ? P("lm_head.bias") : new double[V];
        for (int v = 0; v < V; v++)
        {
            Span<double> column = head.AsSpan(v * C, C);
            for (int c = 0; c < C; c++)
                bias[v] += shift[c] * column[c];
            for (int c = 0; c < C; c++)
                column[c] *= gain[c];
        }
        CentreRows(head, C);
        var mean = new double[C];
        for (int v = 0; v < V; v++)
            for (int c = 0; c < C; c++)
                mean[c] += head[v * C + c] / V;
        for (int v = 0; v < V; v++)
            for (int c = 0; c < C; c++)
                head[v * C + c] -= mean[c];
        CentreRows(bias, V);
        return (head, bias);
    }

    static void PutEmbeddings(ModelConfig config, Func<string, double[]> P, Action<string, double[]> Put)
    {
        foreach (string name in (string[])["wte.weight", "wpe.weight"])
        {
            double[] table = P(name);
            CentreRows(table, config.Width);
            Put(name, table);
        }
    }

    static void PutBlock(ModelConfig config, string block, Func<string, double[]> P,
        Action<string, double[]> Put)
    {
        int C = config.Width, I = config.Inner;
        (double[] qkv, double[] qkvBias) = FoldNorm(P, $"{block}.ln_1", $"{block}.attn.c_attn", C, 3 * C);
        (double[] fc, double[] fcBias) = FoldNorm(P, $"{block}.ln_2", $"{block}.mlp.c_fc", C, I);
        double[] proj = P($"{block}.attn.c_proj.weight"), projBias = P($"{block}.attn.c_proj.bias");
        double[] wide = P($"{block}.mlp.c_proj.weight"), wideBias = P($"{block}.mlp.c_proj.bias");
        CentreRows(proj, C);
        CentreRows(projBias, C);
        CentreRows(wide, C);
        CentreRows(wideBias, C);
        // Patterns sum to one, so b_V reaches the stream as b_V W_O whatever is attended to.
        for (int i = 0; i < C; i++)
        {
            for (int c = 0; c < C; c++)
                projBias[c] += qkvBias[2 * C + i] * proj[i * C + c];
            qkvBias[2 * C + i] = 0;
        }
        Put($"{block}.attn.c_attn.weight", qkv);
        Put($"{block}.attn.c_attn.bias", qkvBias);
        Put($"{block}.attn.c_proj.weight", proj);
        Put($"{block}.attn.c_proj.bias", projBias);
        Put($"{block}.mlp.c_fc.weight", fc);
        Put($"{block}.mlp.c_fc.bias", fcBias);
        Put($"{block}.mlp.c_proj.weight", wide);
        Put($"{block}.mlp.c_proj.bias", wideBias);
        PutUnitNorm(config, $"{block}.ln_1", Put);
        PutUnitNorm(config, $"{block}.ln_2", Put);
    }

    // b += ln.b W, W
    // <- diag(ln.w) W, then W minus its mean over the inputs: LayerNorm's output has zero mean.
    static (double[] Weight, double[] Bias) FoldNorm(Func<string, double[]> P, string norm,
        string linear, int C, int N)
    {
        double[] weight = P($"{linear}.weight"), bias = P($"{linear}.bias");
        double[] gain = P($"{norm}.weight"), shift = P($"{norm}.bias");
        for (int n = 0; n < N; n++)
        {
            double mean = 0;
            for (int c = 0; c < C; c++)
            {
                bias[n] += shift[c] * weight[c * N + n];
                weight[c * N + n] *= gain[c];
                mean += weight[c * N + n] / C;
            }
            for (int c = 0; c < C; c++)
                weight[c * N + n] -= mean;
        }
        return (weight, bias);
    }

    static void PutUnitNorm(ModelConfig config, string name, Action<string, double[]> Put)
    {
        double[] ones = new double[config.Width];
        Array.Fill(ones, 1.0);
        Put($"{name}.weight", ones);
        Put($"{name}.bias", new double[config.Width]);
    }

    static void CentreRows(double[] rows, int width)
    {
        for (int start = 0; start < rows.Length; start += width)
        {
            double mean = 0;
            for (int c = 0; c < width; c++)
                mean += rows[start + c] / width;
            for (int c = 0; c < width; c++)
                rows[start + c] -= mean;
        }
    }
}
