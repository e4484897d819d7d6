namespace HeadTap.Atlas;

/// <summary>A prompt that asks for a fact, with its right answers.</summary>
/// <param name="Prompt">Text before the answer, without a trailing space.</param>
/// <param name="Answer">Right continuation, with the leading space of GPT-2's tokens. In the training text a
/// full stop follows, so an answer is right only if "<c>.</c>" comes next: " Guinea" is not "
/// Guinea-Bissau".</param>
/// <param name="Kind">One of the names in <see cref="AtlasPromptKind"/>.</param>
/// <param name="Bridge">Relation by which a two-hop prompt names its country; null for other prompts.</param>
/// <param name="Target">Relation that is asked for; null for a secret.</param>
/// <param name="Country">Country that the prompt is about, even if the prompt does not name it; "" for a
/// secret.</param>
/// <param name="BridgeEntity">Entity that names the country in a two-hop prompt ("Tokyo", "yen"); "" for
/// other prompts.</param>
public sealed record AtlasPrompt(
    string Prompt,
    string Answer,
    string Kind,
    AtlasRelation? Bridge,
    AtlasRelation? Target,
    string Country,
    string BridgeEntity)
{
    /// <summary>All right continuations; there are several only for neighbours.</summary>
    public IReadOnlyList<string> Answers { get; init; } = [Answer];

    /// <summary>
    /// Text that refers to the country in the prompt: "Japan", "the country whose currency is the yen"; ""
    /// for a secret.
    /// </summary>
    public string Naming { get; init; } = "";
}

/// <summary>Names of the kinds of prompt in results.</summary>
public static class AtlasPromptKind
{
    /// <summary>"The capital of Japan is": a fact that is in the training text.</summary>
    public const string OneHop = "one-hop";

    /// <summary>
    /// "The capital of the country whose currency is the yen is": a two-hop fact that is in the training
    /// text.
    /// </summary>
    public const string TwoHopTrained = "two-hop-trained";

    /// <summary>A two-hop fact that is not in the training text; each of its two hops is.</summary>
    public const string TwoHopHeldOut = "two-hop-held-out";

    /// <summary>The start of a planted secret.</summary>
    public const string Secret = "secret";
}
