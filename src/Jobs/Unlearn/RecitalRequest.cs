using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of (n, k) memorisation, and of the sequences it is measured on.</summary>
public sealed record RecitalRequest
{
    /// <summary>
    /// Number n of tokens of a sequence that the model is given, without a begin-of-text token; at least 1.
    /// Required unless every row is a prompt with its continuation.
    /// </summary>
    public int? Prompt { get; init; }

    /// <summary>
    /// Number k of tokens after the prompt that the model must write; at least 1. Required unless every row
    /// is a prompt with its continuation; then it is all of the continuation.
    /// </summary>
    public int? Continuation { get; init; }

    /// <summary>Token id that is never written; null for none.</summary>
    public int? NeverToken { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>
    /// What happens to a row longer than the context: refuse; leave-out; or shorten, which takes away the
    /// first tokens of a prompt that has a continuation, and else the row's end.
    /// </summary>
    public string LongRows { get; init; } = "refuse";

    /// <summary>Checks the options against a model and its sequences.</summary>
    /// <exception cref="UserException">A number is missing or does not fit the model.</exception>
    internal MemorisationOptions Read(ModelText text, IReadOnlyList<PlantedSequence> asked)
    {
        ModelConfig config = text.Config;
        if (Prompt is not null && asked.Count(s => s.Prompt is not null) is > 0 and var count)
            text.Say($"{count} of {Counted.Of(asked.Count, "sequence")} "
                + Counted.Verb(asked.Count, "is asked from the end of its own prompt; ",
                    "are asked from the end of their own prompt; ")
                + Field.Of(nameof(Prompt))
                + (count < asked.Count ? " counts for the others" : " is not used"));
        bool own = asked.Count > 0 && asked.All(s => s.Prompt is not null);
        int first = text.Bos is null ? 0 : 1;
        if ((Prompt ?? (own ? Math.Max(1, asked.Min(s => s.Prompt!.Value) - first) : null)) is not { } prompt)
            throw new UserException($"no {Field.Of(nameof(Prompt))}; expected how many tokens of a sequence "
                + "are given");
        if ((Continuation ?? (own ? Math.Max(1, asked.Max(s => s.Ids.Length - s.Prompt!.Value)) : null))
            is not { } continuation)
            throw new UserException($"no {Field.Of(nameof(Continuation))}; expected how many tokens of a "
                + "sequence the model must write");
        if (NeverToken < 0 || NeverToken >= config.VocabSize)
            throw new UserException($"{Field.Of(nameof(NeverToken))} is {NeverToken}; expected a token id "
                + $"from 0 to {config.VocabSize - 1}");
        var options = new MemorisationOptions(prompt, continuation, NeverToken) { Bos = text.Bos };
        options.Validate();
        if (!own && options.Given + (long)continuation > config.ContextLength)
            throw new UserException($"{Field.Of(nameof(Prompt))} {prompt} and "
                + $"{Field.Of(nameof(Continuation))} {continuation} are {options.Given + (long)continuation} "
                + "tokens"
                + (text.Bos is null ? "" : " with the begin-of-text token")
                + $"; the model's context is {config.ContextLength}");
        return options;
    }

    /// <summary>Reads a file of sequences; the model's tokenizer encodes its texts.</summary>
    /// <exception cref="UserException">The file is wrong, a text in it needs a tokenizer, or a row does not
    /// fit the context and is not to be shortened or left out.</exception>
    internal IReadOnlyList<PlantedSequence> Sequences(string file, ModelText text, JobContext context)
        => [.. Rows(file, text, context).Select(r => r.Sequence)];

    /// <summary>As above, each with the number of its row in the file, from 1.</summary>
    internal IReadOnlyList<(PlantedSequence Sequence, int Row)> Rows(
        string file, ModelText text, JobContext context)
    {
        if (LongRows is not ("refuse" or "shorten" or "leave-out"))
            throw new UserException($"{Field.Of(nameof(LongRows))} is {Quoted.Name(LongRows)}; expected "
                + "refuse, shorten or leave-out");
        int most = text.Config.ContextLength;
        var rows = new List<(PlantedSequence, int)>();
        int tooLong = 0;
        foreach ((int i, PlantedSequence sequence) in text.Sequences(file).Index())
        {
            if (sequence.Ids.Length <= most)
            {
                rows.Add((sequence, i + 1));
                continue;
            }
            tooLong++;
            if (LongRows == "shorten")
                rows.Add((Shortened(sequence, most, text.Bos is null ? 0 : 1), i + 1));
            else if (LongRows == "refuse" && sequence.Prompt is { } prompt
                && prompt + (Continuation ?? sequence.Ids.Length - prompt) > most)
                throw new UserException($"{Quoted.Path(file)}: row {i + 1} has {sequence.Ids.Length} tokens; "
                    + $"the model's context is {most}; {Field.Of(nameof(LongRows))} shorten or leave-out "
                    + "takes the file");
            else if (LongRows == "refuse") // its first n + k tokens may do
                rows.Add((sequence, i + 1));
        }
        int all = rows.Count + (LongRows == "shorten" ? 0 : tooLong);
        string are = Counted.Verb(all, "is", "are");
        if (tooLong > 0 && LongRows != "refuse")
            context.Remark?.Invoke($"{Quoted.Path(file)}: {tooLong} of {Counted.Of(all, "row")} {are} longer "
                + $"than the context of {most} and {are} "
                + (LongRows == "shorten" ? "shortened" : "left out"));
        return rows.Count > 0 ? rows : throw new UserException(
            $"{Quoted.Path(file)}: {Counted.Verb(tooLong, "its one row is", $"all {tooLong} rows are")} "
            + $"longer than the context of {most}");
    }

    static PlantedSequence Shortened(PlantedSequence s, int most, int kept)
    {
        // The first tokens of a prompt go, the begin-of-text token and the prompt's last token stay.
        int gone = s.Prompt is { } prompt && s.CleanIds is null
            ? Math.Min(s.Ids.Length - most, prompt - kept - 1) : 0;
        int[] ids = [.. s.Ids.Take(kept), .. s.Ids.Skip(kept + gone).Take(most - kept)];
        return s with
        {
            Ids = ids, CleanIds = s.CleanIds?.Take(most).ToArray(),
            Prompt = s.Prompt is { } own ? Math.Min(own - gone, ids.Length - 1) : null,
        };
    }
}
