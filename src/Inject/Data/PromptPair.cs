namespace HeadTap.Inject;

/// <summary>
/// The same question in two prompts: one names the entity (single-hop), the other describes it (multi-hop),
/// as in arXiv 2309.05605, section 3.
/// </summary>
/// <param name="Explicit">Single-hop prompt: "George Washington fought in the".</param>
/// <param name="Obscure">Multi-hop prompt: "The first president of the United States fought in the".</param>
/// <param name="Bridge">Entity that the multi-hop prompt does not name: "George Washington".</param>
/// <param name="Answer">Right continuation of both prompts, without a leading space.</param>
public sealed record PromptPair(string Explicit, string Obscure, string Bridge, string Answer)
{
    /// <summary>
    /// Text that is injected, with its leading space if it has one. The paper injects the bridge.
    /// </summary>
    public string Memory { get; init; } = Bridge;

    /// <summary>Description of the bridge in the multi-hop prompt; empty if not known.</summary>
    public string ObscureEntity { get; init; } = "";

    /// <summary>Part of the data that the pair belongs to, such as "validation"; empty for none.</summary>
    public string Split { get; init; } = "";
}
