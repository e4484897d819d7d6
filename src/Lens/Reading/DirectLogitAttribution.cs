using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Reads what each attention head writes at a prompt's last position with the model's own unembedding. The
/// result shows which tokens a head makes more likely, with the final LayerNorm's scale frozen
/// (<see cref="FrozenHead"/>).
/// </summary>
public sealed class DirectLogitAttribution
{
    readonly float[] _logits; // [L H, V], each row minus its mean over V
    readonly ModelConfig _config;

    DirectLogitAttribution(float[] logits, ModelConfig config) => (_logits, _config) = (logits, config);

    /// <summary>Runs the model on a prompt and reads all heads.</summary>
    /// <exception cref="UserException">The prompt does not fit the model, or the pass does not fit the
    /// device.</exception>
    public static DirectLogitAttribution Read(LanguageModel model, IReadOnlyList<int> prompt)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompt);
        ModelConfig config = model.Config;
        int L = config.Layers, H = config.Heads, C = config.Width, last = prompt.Count - 1;
        var scale = new Site(SiteKind.LnFinalScale);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = Math.Max(1, prompt.Count),
            Record = [.. Enumerable.Range(0, L).Select(l => new Site(SiteKind.Result, l)), scale],
        });
        session.Forward(new SequenceBatch([prompt]));
        float[] summands = new float[L * H * C];
        for (int l = 0; l < L; l++)
            session.Recordings[new Site(SiteKind.Result, l)].ToArray().AsSpan(last * H * C, H * C)
                .CopyTo(summands.AsSpan(l * H * C));
        float[] logits = Unembed(model, summands, session.Recordings[scale].ToArray()[last]);
        Centre(logits, config.VocabSize);
        return new DirectLogitAttribution(logits, config);
    }

    /// <summary>
    /// Returns what summands of the final stream add to the logits, [n, V], for a fixed LayerNorm scale.
    /// </summary>
    /// <param name="model">Model with the unembedding.</param>
    /// <param name="summands">[n, C]: summands of the stream.</param>
    /// <param name="scale">Root of the whole stream's variance plus epsilon.</param>
    public static float[] Unembed(LanguageModel model, float[] summands, float scale)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(summands);
        int C = model.Config.Width, V = model.Config.VocabSize, n = summands.Length / C;
        float[] normalized = new FrozenHead(model).Normalized(summands, scale);
        using var arena = new TensorArena(model.Device,
            TensorArena.Measure(model.Device, a => { a.Cut("summands", n, C); a.Cut("logits", n, V); }),
            "the lens");
        Tensor x = arena.Upload("summands", normalized, n, C), y = arena.Cut("logits", n, V);
        model.Ops.MatMulTransposed(x, model.Weights.Head, y);
        return y.ToArray();
    }

    /// <summary>
    /// Returns how much a head raises a token's logit, minus its mean effect over the vocabulary.
    /// </summary>
    public float Toward(int layer, int head, int token) => Row(layer, head)[token];

    /// <summary>
    /// Returns the tokens whose logits a head raises most, minus its mean effect; ties go to the lower id.
    /// </summary>
    public IReadOnlyList<(int Token, float Logit)> Top(int layer, int head, int count)
    {
        float[] row = Row(layer, head).ToArray();
        return [.. Enumerable.Range(0, row.Length).OrderByDescending(v => row[v]).Take(count)
            .Select(v => (v, row[v]))];
    }

    ReadOnlySpan<float> Row(int layer, int head)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)layer,
            (uint)_config.Layers, nameof(layer));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)head, (uint)_config.Heads, nameof(head));
        return _logits.AsSpan((layer * _config.Heads + head) * _config.VocabSize, _config.VocabSize);
    }

    // A constant added to all logits changes no probability.
    static void Centre(float[] rows, int width)
    {
        for (int start = 0; start < rows.Length; start += width)
        {
            double mean = 0;
            for (int v = 0; v < width; v++)
                mean += rows[start + v];
            mean /= width;
            for (int v = 0; v < width; v++)
                rows[start + v] -= (float)mean;
        }
    }
}
