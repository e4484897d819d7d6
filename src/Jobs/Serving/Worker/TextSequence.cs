using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A token with its log-probability, and the most likely ones in its place.</summary>
/// <param name="Id">Token id.</param>
/// <param name="LogProbability">Of the model itself: temperature 1, no penalties, nats.</param>
/// <param name="Top">The most likely tokens, the likeliest first; ties go to the lower id.</param>
public readonly record struct ScoredToken(
    int Id, double LogProbability, IReadOnlyList<(int Id, double LogProbability)> Top);

/// <summary>Why a text ended.</summary>
public enum FinishReason
{
    /// <summary>A stop token, or the caller's rule.</summary>
    Stop,

    /// <summary>It has as many tokens as were asked for.</summary>
    Length,
}

/// <summary>One continuation of one prompt, and how it is made.</summary>
public sealed record TextSequence
{
    /// <summary>Token ids of the prompt; at least one.</summary>
    public required int[] Prompt { get; init; }

    /// <summary>Most tokens to add; 0 only reads the prompt.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>How the next token is chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>What is done to logits before.</summary>
    public LogitRules Rules { get; init; } = new();

    /// <summary>Seed of the draws.</summary>
    public ulong Seed { get; init; }

    /// <summary>Which stream of the seed: another one for each continuation of a request.</summary>
    public ulong Stream { get; init; }

    /// <summary>Tokens that end the text.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>How many of the most likely tokens to name at each place; null for no
    /// log-probabilities.</summary>
    public int? Top { get; init; }

    /// <summary>Whether the prompt's tokens get log-probabilities too; then the prompt is always
    /// computed.</summary>
    public bool ScoresPrompt { get; init; }

    /// <summary>Edits in force for this text alone; <see cref="Edit.Rows"/> is not looked at.</summary>
    public IReadOnlyList<Edit> Edits { get; init; } = [];

    /// <summary>Texts of one salt may share what was computed for a common beginning.</summary>
    public string Salt { get; init; } = "";

    /// <summary>Gets the prompt's tokens, the first with NaN as log-probability; called once, before the
    /// first new token, on the model's thread.</summary>
    public Action<IReadOnlyList<ScoredToken>>? OnPrompt { get; init; }

    /// <summary>Gets each new token on the model's thread; returns whether the text ends with it.</summary>
    public Func<ScoredToken, bool>? OnToken { get; init; }

    /// <summary>Is told why the text ended, after its last token, on the model's thread.</summary>
    public Action<FinishReason>? OnEnd { get; init; }

    /// <summary>Refuses a text that a model's thread cannot run.</summary>
    /// <param name="config">The model.</param>
    /// <param name="capacity">Tokens of a text that there is room for.</param>
    /// <param name="mostAtOnce">Tokens of a prompt that a pass has room for.</param>
    /// <exception cref="UserException">It does not fit.</exception>
    internal void Require(ModelConfig config, int capacity, int mostAtOnce)
    {
        if (Prompt.Length == 0)
            throw new UserException("the prompt is empty; expected at least one token");
        if (MaxTokens < 0)
            throw new UserException($"{MaxTokens} new tokens asked for; expected 0 or more");
        if (Prompt.Length + MaxTokens > capacity)
            throw new UserException($"a prompt of {Counted.Of(Prompt.Length, "token")} and {MaxTokens} "
                + $"new ones pass the context of {capacity}");
        foreach (int id in Prompt)
            if (id < 0 || id >= config.VocabSize)
                throw new UserException($"token id {id} is outside the vocabulary, 0 to "
                    + $"{config.VocabSize - 1}");
        Sampling.Validate();
        Rules.Validate(config.VocabSize);
        foreach (Edit edit in Edits)
        {
            edit.Validate(config);
            if (edit.Site.In(config).Any(site => site.Kind is SiteKind.Scores or SiteKind.Pattern))
                throw new UserException(
                    $"edit at {Quoted.Name(edit.Site.Text)}: scores and patterns are edited in passes over "
                    + "whole texts; ask for reads of the text, or generate on the command line");
        }
        if (Edits.Any(e => e.Operation == EditOperation.Mean) && Prompt.Length > mostAtOnce)
            throw new UserException($"an edit takes the mean over the prompt's tokens, which then run in one "
                + $"pass; expected a prompt of at most {mostAtOnce} tokens");
    }
}

/// <summary>What became of a text.</summary>
/// <param name="Reason">Why it ended.</param>
/// <param name="Tokens">Tokens that were added.</param>
/// <param name="CachedTokens">Tokens of the prompt that were not computed again.</param>
public sealed record SequenceResult(FinishReason Reason, IReadOnlyList<int> Tokens, int CachedTokens);
