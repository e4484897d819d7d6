using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Two prompts that differ in what matters for the answer, as tokens (activation patching: Vig et al. 2020,
/// arXiv 2004.12265; Meng et al. 2022, arXiv 2202.05262).
/// </summary>
/// <param name="Clean">Token ids of the prompt that the model answers right.</param>
/// <param name="Corrupt">Token ids of the prompt whose answer is another; null where the clean prompt is
/// corrupted otherwise, or not at all.</param>
/// <param name="Answer">Token id of the right answer to the clean prompt.</param>
/// <param name="Wrong">Token id of a wrong answer, such as that of the corrupted prompt; null for
/// none.</param>
public sealed record ContrastPair(int[] Clean, int[]? Corrupt, int Answer, int? Wrong)
{
    /// <summary>Where it was found, for messages: "pairs.jsonl line 3".</summary>
    public string Place { get; init; } = "the pair";

    /// <summary>Which positions of the prompts belong together; null where each belongs to itself.</summary>
    public PositionPairs? Align { get; init; }

    /// <summary>Checks the tokens against a model.</summary>
    /// <exception cref="UserException">A prompt is empty or too long, or a token is outside the
    /// vocabulary.</exception>
    public void Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Check("clean", Clean, config);
        if (Corrupt is not null)
            Check("corrupt", Corrupt, config);
        foreach (int? token in (int?[])[Answer, Wrong])
            if (token is < 0 || token >= config.VocabSize)
                throw new UserException(
                    $"{Place}: answer token {token} is outside the vocabulary of {config.VocabSize}");
    }

    /// <summary>Returns the corrupted prompt, which has one token for each of the clean prompt.</summary>
    /// <exception cref="UserException">There is none, it has another length, or positions belong together by
    /// hand.</exception>
    public int[] RequireAligned()
    {
        if (Corrupt is null)
            throw new UserException($"{Place} has no corrupted prompt");
        if (Align is not null)
            throw new UserException($"{Place}: positions must match one by one here; leave align out");
        return Corrupt.Length == Clean.Length ? Corrupt : throw new UserException(
            $"{Place}: the clean prompt has {Counted.Of(Clean.Length, "token")} and the corrupted one "
            + $"{Corrupt.Length}; expected one length, because positions must match");
    }

    void Check(string which, int[] ids, ModelConfig config)
    {
        if (ids.Length == 0)
            throw new UserException($"{Place}: the {which} prompt is empty; expected at least one token");
        if (ids.Length > config.ContextLength)
            throw new UserException($"{Place}: the {which} prompt has {ids.Length} tokens; the model's "
                + $"context ends at {config.ContextLength}");
        foreach (int token in ids)
            if (token < 0 || token >= config.VocabSize)
                throw new UserException($"{Place}: the {which} prompt has token id {token}; the model's "
                    + $"vocabulary is 0 to {config.VocabSize - 1}");
    }
}
