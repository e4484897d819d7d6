using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of (n, k) memorisation.</summary>
public sealed record RecitalRequest
{
    /// <summary>Number n of tokens of a sequence that the model is given; required, at least 1.</summary>
    public int? Prompt { get; init; }

    /// <summary>
    /// Number k of tokens after the prompt that the model must write; required, at least 1.
    /// </summary>
    public int? Continuation { get; init; }

    /// <summary>Token id that is never written; null for none.</summary>
    public int? NeverToken { get; init; }

    /// <summary>Checks the options against a model.</summary>
    /// <exception cref="UserException">A number is missing or does not fit the model.</exception>
    internal MemorisationOptions Read(ModelConfig config)
    {
        if (Prompt is not { } prompt)
            throw new UserException("no Prompt; expected how many tokens of a sequence are given",
                nameof(Prompt));
        if (Continuation is not { } continuation)
            throw new UserException("no Continuation; expected how many tokens of a sequence the model must "
                + "write", nameof(Continuation));
        if (NeverToken < 0 || NeverToken >= config.VocabSize)
            throw new UserException($"NeverToken is {NeverToken}; expected a token id from 0 to "
                + $"{config.VocabSize - 1}", nameof(NeverToken));
        var options = new MemorisationOptions(prompt, continuation, NeverToken);
        options.Validate();
        if (prompt + (long)continuation > config.ContextLength)
            throw new UserException($"Prompt {prompt} and Continuation {continuation} are "
                + $"{prompt + (long)continuation} tokens; the model's context is {config.ContextLength}",
                nameof(Prompt), nameof(Continuation));
        return options;
    }

    /// <summary>Reads a file of sequences; the model's tokenizer encodes its texts.</summary>
    /// <exception cref="UserException">The file is wrong, or a text in it needs a tokenizer.</exception>
    internal static IReadOnlyList<PlantedSequence> Sequences(string file, string model, ModelConfig config)
        => SequenceFile.Read(file, config.VocabSize,
            ByteBpeTokenizer.ExistsIn(model) ? ByteBpeTokenizer.Load(model) : null);
}
