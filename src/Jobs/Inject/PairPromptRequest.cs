using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>One pair of prompts: a single-hop one that names an entity, a multi-hop one that does
/// not.</summary>
public sealed record PairPromptRequest
{
    /// <summary>The single-hop prompt, which names the entity.</summary>
    public string? Explicit { get; init; }

    /// <summary>The multi-hop prompt, which describes the entity.</summary>
    public string? Obscure { get; init; }

    /// <summary>The entity that the multi-hop prompt leaves out.</summary>
    public string? Bridge { get; init; }

    /// <summary>The right continuation; the first token of a space and it is followed.</summary>
    public string? Answer { get; init; }

    /// <summary>Puts the config's begin-of-text token before both prompts.</summary>
    public bool Bos { get; init; }

    /// <summary>
    /// The pair, with a space and the bridge as its memory; null where neither prompt is given. An answer or
    /// a bridge that is not given is replaced by the other.
    /// </summary>
    /// <exception cref="UserException">Half of a pair is given, or it does not fit the model.</exception>
    internal EncodedPair? Read(ByteBpeTokenizer tokenizer, ModelConfig config, string folder)
    {
        if (Explicit is null && Obscure is null)
            return null;
        if (Explicit is null || Obscure is null)
            throw new UserException((Explicit is null ? "Obscure without Explicit"
                : "Explicit without Obscure") + "; expected both prompts", nameof(Explicit), nameof(Obscure));
        string? bridge = Trimmed(nameof(Bridge), Bridge), answer = Trimmed(nameof(Answer), Answer);
        if ((answer ?? bridge) is not { } either)
            throw new UserException("neither Bridge nor Answer; expected at least one",
                nameof(Bridge), nameof(Answer));
        var pair = new PromptPair(Explicit, Obscure, bridge ?? either, answer ?? either)
        {
            Memory = " " + (bridge ?? either),
        };
        return EncodedPair.Of(pair, tokenizer, config, PromptRequest.BosOf(Bos, config, folder), "the pair");
    }

    static string? Trimmed(string option, string? text)
        => text?.Trim() is not { Length: 0 } ? text?.Trim()
            : throw new UserException($"{option} is empty; expected a word", option);
}
