namespace HeadTap.Models;

/// <summary>
/// TransformerLens' rewriting of weights on loading: fold LayerNorm, centre writing weights, centre the
/// unembedding, fold value biases (TransformerLens 1.4.0, <c>from_pretrained</c>'s defaults, in its order).
/// Softmax outputs stay what they were; the unembedding does not, and the injection paper builds its memories
/// from this one.
/// </summary>
/// <remarks>
/// The result is a model of the same architecture with gains 1, shifts 0, an untied head and a head bias.
/// Sums are in float64. The
/// stream has zero mean in every token, so our LayerNorm on it is their LayerNormPre.
/// </remarks>
public static class WeightProcessing
{
    const int Outside = -1; // of the blocks

    /// <summary>A processed copy of a model, on the same device; the original is left as it is.</summary>
    public static LanguageModel TransformerLens(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        ModelConfig config = model.Config with { TiedHead = false, HeadBias = true };
        var processed = new LanguageModel(model.Device, config) { RequiresFinite = model.RequiresFinite };
        try
        {
            Func<Role, int, double[]> read = P(model);
            void Put(Role role, int layer, double[] values)
                => processed.Set[role, layer].Upload(Array.ConvertAll(values, v => (float)v));
            (double[] head, double[] bias) = FoldedUnembedding(model.Config, read);
            Put(Role.HeadWeight, Outside, head);
            Put(Role.HeadBias, Outside, bias);
            PutEmbeddings(config, read, Put);
            for (int l = 0; l < config.Layers; l++)
                PutBlock(config, l, read, Put);
            PutUnitNorm(config, Role.FinalNormWeight, Role.FinalNormBias, Outside, Put);
            return processed;
        }
        catch
        {
            processed.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Whether a model's weights look like those of <see cref="TransformerLens"/>: every gain is 1, every
    /// shift 0, and each token's row of the unembedding has the mean 0.
    /// </summary>
    /// <remarks>A row of random numbers has a mean of its size divided by sqrt(C); one that was centred in
    /// float64 has what rounding to float32 leaves.</remarks>
    public static bool IsProcessed(LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            float? unit = slice.Role.IsNormGain() ? 1f
                : slice.Role is Role.Norm1Bias or Role.Norm2Bias or Role.FinalNormBias ? 0f : null;
            if (unit is { } value && model.Set[slice.Name].ToArray().Any(v => v != value))
                return false;
        }
        float[] head = model.Weights.Head.ToArray();
        return head.Chunk(model.Config.Width).All(row =>
            Math.Abs(row.Sum(v => (double)v)) <= 1e-5 * row.Sum(v => Math.Abs((double)v)));
    }

    /// <summary>
    /// The unembedding alone: LayerNorm folded in, without its mean over C, and without its mean over V.
    /// </summary>
    /// <remarks>
    /// W_U &lt;- diag(g) W_U and b_U &lt;- b_U + s W_U, g gain and s shift of the final LayerNorm; W_U minus
    /// its mean over C; then both minus
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

    static Func<Role, int, double[]> P(LanguageModel model)
        => (role, layer) => Array.ConvertAll(model.Set[role, layer].ToArray(), v => (double)v);

    static (double[] Head, double[] Bias) FoldedUnembedding(ModelConfig config, Func<Role, int, double[]> P)
    {
        int C = config.Width, V = config.VocabSize;
        // [V, C]: W_U transposed
        double[] head = P(config.TiedHead ? Role.TokenEmbedding : Role.HeadWeight, Outside);
        double[] gain = P(Role.FinalNormWeight, Outside), shift = P(Role.FinalNormBias, Outside);
        double[] bias = config.HeadBias ? P(Role.HeadBias, Outside) : new double[V];
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

    static void PutEmbeddings(
        ModelConfig config, Func<Role, int, double[]> P, Action<Role, int, double[]> Put)
    {
        foreach (Role role in (Role[])[Role.TokenEmbedding, Role.PositionEmbedding])
        {
            if (!config.Architecture.Has(role))
                continue;
            double[] table = P(role, Outside);
            CentreRows(table, config.Width);
            Put(role, Outside, table);
        }
    }

    static void PutBlock(ModelConfig config, int l, Func<Role, int, double[]> P,
        Action<Role, int, double[]> Put)
    {
        int C = config.Width, I = config.Inner;
        (double[] qkv, double[] qkvBias) = FoldNorm(
            P(Role.Norm1Weight, l), P(Role.Norm1Bias, l), P(Role.QkvWeight, l), P(Role.QkvBias, l), C, 3 * C);
        (double[] fc, double[] fcBias) = FoldNorm(
            P(Role.Norm2Weight, l), P(Role.Norm2Bias, l), P(Role.MlpInWeight, l), P(Role.MlpInBias, l), C, I);
        double[] proj = P(Role.ProjWeight, l), projBias = P(Role.ProjBias, l);
        double[] wide = P(Role.MlpOutWeight, l), wideBias = P(Role.MlpOutBias, l);
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
        Put(Role.QkvWeight, l, qkv);
        Put(Role.QkvBias, l, qkvBias);
        Put(Role.ProjWeight, l, proj);
        Put(Role.ProjBias, l, projBias);
        Put(Role.MlpInWeight, l, fc);
        Put(Role.MlpInBias, l, fcBias);
        Put(Role.MlpOutWeight, l, wide);
        Put(Role.MlpOutBias, l, wideBias);
        PutUnitNorm(config, Role.Norm1Weight, Role.Norm1Bias, l, Put);
        PutUnitNorm(config, Role.Norm2Weight, Role.Norm2Bias, l, Put);
    }

    // b += shift W, W <- diag(gain) W, then W minus its mean over the inputs: LayerNorm's output has zero
    // mean.
    static (double[] Weight, double[] Bias) FoldNorm(
        double[] gain, double[] shift, double[] weight, double[] bias, int C, int N)
    {
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

    static void PutUnitNorm(
        ModelConfig config, Role gain, Role shift, int layer, Action<Role, int, double[]> Put)
    {
        double[] ones = new double[config.Width];
        Array.Fill(ones, 1.0);
        Put(gain, layer, ones);
        Put(shift, layer, new double[config.Width]);
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
