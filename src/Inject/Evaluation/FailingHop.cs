using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>
/// The layer and head where a multi-hop prompt departs from the single-hop prompt. It is found by activation
/// patching (Meng et al. 2022): attention output at the last position is replaced with that of the single-hop
/// prompt, and the place is chosen where this brings the next-token distribution closest to the single-hop
/// prompt's.
/// </summary>
/// <param name="Layer">Layer, from 0; ties go to the lowest.</param>
/// <param name="Head">Head of that layer, from 0, whose replaced result alone gives the smallest
/// divergence.</param>
/// <param name="Divergence">KL(single-hop ‖ multi-hop) of the next token, nothing replaced, nats.</param>
/// <param name="ByLayer">[L]: the divergence with a layer's output replaced, nats.</param>
/// <param name="ByHead">[H]: the divergence with one head's result of <paramref name="Layer"/> replaced,
/// nats.</param>
public sealed record FailingHop(int Layer, int Head, double Divergence,
    IReadOnlyList<double> ByLayer, IReadOnlyList<double> ByHead);

/// <summary>Kinds of suggested memories, by what their vector is made of.</summary>
public enum SuggestedMemory
{
    /// <summary>The attention output for the single-hop prompt minus that for the multi-hop prompt.</summary>
    Difference,

    /// <summary>The layer's attention output for the bridge: <see cref="MemoryEncoder.Layer"/>.</summary>
    BridgeLayer,

    /// <summary>
    /// The unembedding of the bridge, which is the paper's memory; with a Jacobian lens its direction there,
    /// as for the other kinds that are made of tokens.
    /// </summary>
    Bridge,

    /// <summary>The unembedding of the tokens whose logits the difference raises most.</summary>
    DifferenceTokens,

    /// <summary>
    /// The unembedding of the tokens with the largest logits of the single-hop prompt's attention output.
    /// </summary>
    ExplicitTokens,
}

/// <summary>A suggested memory for a pair: its vector, layer and magnitude.</summary>
/// <param name="Kind">Kind of the memory.</param>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Tau">Magnitude; 0 if no memory of this kind brings the prompts closer.</param>
/// <param name="Tokens">Tokens of the memory; empty for a difference.</param>
/// <param name="Vector">[C]: the vector m.</param>
/// <param name="Divergence">KL(single-hop ‖ multi-hop with the memory) of the next token, nats.</param>
/// <param name="Answer">Probability and rank of the answer with the memory; not used in the choice.</param>
public sealed record Suggestion(SuggestedMemory Kind, int Layer, float Tau, IReadOnlyList<int> Tokens,
    float[] Vector, double Divergence, AnswerStanding Answer)
{
    /// <summary>
    /// Folder of the Jacobian lens that the kinds made of tokens are directions of; null for the unembedding.
    /// </summary>
    public string? Lens { get; init; }

    /// <summary>Returns the name of a kind in options and results.</summary>
    public static string Word(SuggestedMemory kind) => kind switch
    {
        SuggestedMemory.Difference => "difference",
        SuggestedMemory.BridgeLayer => "bridge-layer",
        SuggestedMemory.Bridge => "bridge",
        SuggestedMemory.DifferenceTokens => "difference-tokens",
        SuggestedMemory.ExplicitTokens => "explicit-tokens",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>
    /// Returns the suggestion as an edit of the last position that can be saved and replayed.
    /// </summary>
    public Edit ToEdit() => new()
    {
        Site = Site.AttnOut(Layer),
        Operation = EditOperation.Add,
        Alpha = Tau,
        Positions = EditPositions.Last,
        Steps = [0], // measured at the prompt; generated positions are not edited
        Value = Kind is SuggestedMemory.Difference or SuggestedMemory.BridgeLayer
            ? EditValue.Numbers(Vector)
            : Lens is { } lens ? EditValue.Jacobian(lens, [.. Tokens]) : EditValue.Unembed([.. Tokens]),
    };
}
