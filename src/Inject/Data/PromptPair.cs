namespace HeadTap.Inject;

/// <summary>
/// One question asked twice: naming its entity (single-hop), and going round it (multi-hop), as in
/// arXiv 2309.05605, section 3.
/// </summary>
/// <param name="Explicit">The single-hop prompt: "George Washington fought in the".</param>
/// <param name="Obscure">The multi-hop prompt: "The first president of the United States fought in
/// the".</param>
/// <param name="Bridge">The entity that the multi-hop prompt leaves out: "George Washington".</param>
/// <param name="Answer">The right continuation of both, without a space before it.</param>
public sealed record PromptPair(string Explicit, string Obscure, string Bridge, string Answer)
{
    /// <summary>What is injected; a space that belongs to it is written. The paper's is the bridge.</summary>
    public string Memory { get; init; } = Bridge;

    /// <summary>How the multi-hop prompt names the bridge; empty where that is not known.</summary>
    public string ObscureEntity { get; init; } = "";

    /// <summary>The part of the data it belongs to, such as "validation"; empty for none.</summary>
    public string Split { get; init; } = "";
}
