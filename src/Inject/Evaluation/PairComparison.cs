using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// Compares the attention outputs of a pair of prompts at the last position: one names the entity, the other
/// describes it (arXiv 2309.05605, section 3, figure 2).
/// </summary>
/// <param name="Layers">[L]: comparison of each layer's attention output.</param>
/// <param name="Heads">[L H]: comparison of each head's result, ordered by layer, then by head.</param>
public sealed record PairComparison(
    IReadOnlyList<PlaceComparison> Layers, IReadOnlyList<PlaceComparison> Heads)
{
    /// <summary>Runs both prompts and compares them.</summary>
    /// <param name="model">Model that runs the prompts.</param>
    /// <param name="single">Token ids of the single-hop prompt.</param>
    /// <param name="multi">Token ids of the multi-hop prompt.</param>
    /// <param name="bridge">Token ids of a space and the bridge entity; empty for none.</param>
    /// <param name="answer">First token id of a space and the answer; null for none.</param>
    /// <param name="top">Number of tokens to list per place; 1 to V.</param>
    /// <param name="jacobians">[L]: Jacobian lenses to read with; null for the unembedding alone.</param>
    /// <exception cref="UserException">A prompt does not fit the model.</exception>
    public static PairComparison Of(LanguageModel model, int[] single, int[] multi,
        IReadOnlyList<int> bridge, int? answer, int top, IReadOnlyList<StreamJacobian>? jacobians = null)
    {
        IReadOnlyList<AttentionWrites> writes = AttentionWrites.Of(model, [single, multi]);
        return Of(model, writes[0], writes[1], bridge, answer, top, jacobians);
    }

    /// <summary>Compares the attention outputs of two prompts.</summary>
    public static PairComparison Of(LanguageModel model, AttentionWrites single, AttentionWrites multi,
        IReadOnlyList<int> bridge, int? answer, int top, IReadOnlyList<StreamJacobian>? jacobians = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ModelConfig config = model.Config;
        List<PlaceComparison> layers = [], heads = [];
        for (int l = 0; l < config.Layers; l++) // per layer: logits of all heads take much memory
        {
            // The layer, then its heads; for each the single-hop vector, then the multi-hop vector.
            var vectors = new List<float>();
            for (int place = 0; place <= config.Heads; place++)
                foreach (AttentionWrites writes in (AttentionWrites[])[single, multi])
                    vectors.AddRange(Vector(writes, l, place, config));
            TokenReading reading = TokenReading.Of(model, [.. vectors], top, jacobian: jacobians?[l]);
            for (int place = 0; place <= config.Heads; place++)
            {
                ReadOnlySpan<float> a = Vector(single, l, place, config), b = Vector(multi, l, place, config);
                (place == 0 ? layers : heads).Add(new PlaceComparison(l, place == 0 ? null : place - 1,
                    Read(reading, 2 * place, a, bridge, answer),
                    Read(reading, 2 * place + 1, b, bridge, answer), PlaceComparison.CosineOf(a, b)));
            }
        }
        return new(layers, heads);
    }

    static ReadOnlySpan<float> Vector(AttentionWrites writes, int layer, int place, ModelConfig config)
        => place == 0 ? writes.Layer(layer, config) : writes.Head(layer, place - 1, config);

    static Writing Read(TokenReading reading, int row, ReadOnlySpan<float> x,
        IReadOnlyList<int> bridge, int? answer)
    {
        double squares = 0;
        foreach (float value in x)
            squares += (double)value * value;
        int[] ranks = [.. bridge.Select(token => reading.Rank(row, token))];
        return new(Math.Sqrt(squares), reading.Top(row),
            ranks.Length == 0 ? null : new EntityRank(ranks[0], ranks.Min()),
            answer is { } token ? reading.Rank(row, token) : null);
    }
}
