using HeadTap.Inject;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// A pair of prompts: a single-hop prompt that names an entity, and a multi-hop prompt that describes it.
/// </summary>
public sealed record PairPromptRequest
{
    /// <summary>The single-hop prompt, which names the entity.</summary>
    public string? Explicit { get; init; }

    /// <summary>The multi-hop prompt, which describes the entity.</summary>
    public string? Obscure { get; init; }

    /// <summary>The entity that the multi-hop prompt leaves out.</summary>
    public string? Bridge { get; init; }

    /// <summary>The right continuation; its first token with a space before it is scored.</summary>
    public string? Answer { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>
    /// Returns the encoded pair, with a space and the bridge as its memory; null if neither prompt is given.
    /// If only one of answer and bridge is given, it stands for both.
    /// </summary>
    /// <exception cref="UserException">Only half of a pair is given, or the pair does not fit the
    /// model.</exception>
    internal EncodedPair? Read(ModelText text)
    {
        if (Explicit is null && Obscure is null)
            return null;
        if (Explicit is null || Obscure is null)
            throw new UserException((Explicit is null ? $"{Field.Of(nameof(Obscure))} without "
                + $"{Field.Of(nameof(Explicit))}"
                : $"{Field.Of(nameof(Explicit))} without {Field.Of(nameof(Obscure))}") + "; expected both "
                + "prompts");
        string? bridge = Trimmed(nameof(Bridge), Bridge), answer = Trimmed(nameof(Answer), Answer);
        if ((answer ?? bridge) is not { } either)
            throw new UserException($"neither {Field.Of(nameof(Bridge))} nor {Field.Of(nameof(Answer))}; "
                + "expected at least one");
        var pair = new PromptPair(Explicit, Obscure, bridge ?? either, answer ?? either)
        {
            Memory = " " + (bridge ?? either),
        };
        EncodedPair encoded = EncodedPair.Of(pair, text.Required(), text.Config, text.Bos, "the pair");
        text.RemarkWithout([encoded.Obscure]);
        return encoded;
    }

    static string? Trimmed(string option, string? text)
        => text?.Trim() is not { Length: 0 } ? text?.Trim()
            : throw new UserException($"{Field.Of(option)} is empty; expected a word");
}
