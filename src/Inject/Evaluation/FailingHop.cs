using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>
/// Where a multi-hop prompt goes another way than the single-hop one: the layer, and the head in it, whose
/// attention output at the last position, exchanged for the single-hop prompt's, brings the next token
/// closest to that prompt's (activation patching, Meng et al. 2022, of what attention writes).
/// </summary>
/// <param name="Layer">The layer, from 0; of equals the lowest.</param>
/// <param name="Head">The head of that layer whose result alone brings it closest.</param>
/// <param name="Divergence">KL(single-hop ‖ multi-hop) of the next token, nats.</param>
/// <param name="ByLayer">[L]: the same with a layer's output exchanged.</param>
/// <param name="ByHead">[H]: with one head's result of <paramref name="Layer"/> exchanged.</param>
public sealed record FailingHop(int Layer, int Head, double Divergence,
    IReadOnlyList<double> ByLayer, IReadOnlyList<double> ByHead);

/// <summary>What is suggested as a memory.</summary>
public enum SuggestedMemory
{
    /// <summary>The vector that attention writes for the single-hop prompt and not for the multi-hop
    /// one.</summary>
    Difference,

    /// <summary>The bridge, as the layer's attention writes it: <see cref="MemoryEncoder.Layer"/>.</summary>
    BridgeLayer,

    /// <summary>The bridge's unembedding: the paper's memory.</summary>
    Bridge,

    /// <summary>Tokens whose logits the difference raises most, by their unembedding.</summary>
    DifferenceTokens,

    /// <summary>Tokens that attention writes highest for the single-hop prompt, by their
    /// unembedding.</summary>
    ExplicitTokens,
}

/// <summary>A memory for a pair: what, where and how strongly.</summary>
/// <param name="Kind">What it is made of.</param>
/// <param name="Layer">From 0.</param>
/// <param name="Tau">The magnitude; 0 where nothing of this kind brings the prompts closer.</param>
/// <param name="Tokens">Its tokens; empty for a difference.</param>
/// <param name="Vector">m, [C].</param>
/// <param name="Divergence">KL(single-hop ‖ multi-hop with it) of the next token, nats.</param>
/// <param name="Answer">How the answer stands with it; not used in the choice.</param>
public sealed record Suggestion(SuggestedMemory Kind, int Layer, float Tau, IReadOnlyList<int> Tokens,
    float[] Vector, double Divergence, AnswerStanding Answer)
{
    /// <summary>A kind as options and results spell it.</summary>
    public static string Word(SuggestedMemory kind) => kind switch
    {
        SuggestedMemory.Difference => "difference",
        SuggestedMemory.BridgeLayer => "bridge-layer",
        SuggestedMemory.Bridge => "bridge",
        SuggestedMemory.DifferenceTokens => "difference-tokens",
        SuggestedMemory.ExplicitTokens => "explicit-tokens",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>The suggestion as an edit of the last position that can be saved and replayed.</summary>
    public Edit ToEdit() => new()
    {
        Site = Site.AttnOut(Layer),
        Operation = EditOperation.Add,
        Alpha = Tau,
        Positions = EditPositions.Last,
        Steps = [0], // measured at the prompt; what a generation adds is not touched
        Value = Kind is SuggestedMemory.Difference or SuggestedMemory.BridgeLayer
            ? EditValue.Numbers(Vector) : EditValue.Unembed([.. Tokens]),
    };
}
