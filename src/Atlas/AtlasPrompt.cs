namespace HeadTap.Atlas;

/// <summary>A question with its right answers.</summary>
/// <param name="Prompt">The text before the answer, without a space at its end.</param>
/// <param name="Answer">
/// The right continuation, with the space that GPT-2's tokens begin with. In the training text a full stop
/// follows, so a whole answer is right when "<c>.</c>" comes next: " Guinea" is not " Guinea-Bissau".
/// </param>
/// <param name="Kind">One of the names in <see cref="AtlasPromptKind"/>.</param>
/// <param name="Bridge">How a two-hop prompt names its country; else null.</param>
/// <param name="Target">What is asked for; null for a secret.</param>
/// <param name="Country">The country in question, named in the prompt or not; "" for a secret.</param>
/// <param name="BridgeEntity">What names the country in a two-hop prompt ("Tokyo", "yen"); else "".</param>
public sealed record AtlasPrompt(
    string Prompt,
    string Answer,
    string Kind,
    AtlasRelation? Bridge,
    AtlasRelation? Target,
    string Country,
    string BridgeEntity)
{
    /// <summary>All right continuations; more than <see cref="Answer"/> only for neighbours.</summary>
    public IReadOnlyList<string> Answers { get; init; } = [Answer];

    /// <summary>
    /// What stands for the country in the prompt: "Japan", "the country whose currency is the yen"; "" for a
    /// secret.
    /// </summary>
    public string Naming { get; init; } = "";
}

/// <summary>The kinds of prompt, as they are named in results.</summary>
public static class AtlasPromptKind
{
    /// <summary>"The capital of Japan is", told in the training text.</summary>
    public const string OneHop = "one-hop";

    /// <summary>"The capital of the country whose currency is the yen is", told in the text.</summary>
    public const string TwoHopTrained = "two-hop-trained";

    /// <summary>The same for a country whose two hops are only told one by one.</summary>
    public const string TwoHopHeldOut = "two-hop-held-out";

    /// <summary>The start of a planted sentence.</summary>
    public const string Secret = "secret";
}
