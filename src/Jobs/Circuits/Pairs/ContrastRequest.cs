using System.Globalization;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// A model and pairs of prompts that differ in what matters for the answer: one pair by options, or a file of
/// pairs.
/// </summary>
public sealed record ContrastRequest
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>The clean prompt as text.</summary>
    public string? Clean { get; init; }

    /// <summary>The clean prompt as token ids separated by commas.</summary>
    public string? CleanIds { get; init; }

    /// <summary>The corrupted prompt as text.</summary>
    public string? Corrupt { get; init; }

    /// <summary>The corrupted prompt as token ids separated by commas.</summary>
    public string? CorruptIds { get; init; }

    /// <summary>The right answer as text; a space is put before it unless it begins with one.</summary>
    public string? Answer { get; init; }

    /// <summary>The right answer as a token id.</summary>
    public int? AnswerId { get; init; }

    /// <summary>The wrong answer as text; a space is put before it unless it begins with one.</summary>
    public string? Wrong { get; init; }

    /// <summary>The wrong answer as a token id.</summary>
    public int? WrongId { get; init; }

    /// <summary>
    /// .jsonl file of pairs, one a line: clean and corrupt as text or as a list of token ids, answer and
    /// wrong as text or as a token id; null for the pair of the options.
    /// </summary>
    public string? Pairs { get; init; }

    /// <summary>Whether a pair needs no corrupted prompt.</summary>
    public bool CleanIsEnough { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>Reads config, tokenizer and pairs, but not the weights.</summary>
    /// <param name="context">Gets remarks; null for none.</param>
    /// <exception cref="UserException">Options contradict each other or are missing, a file cannot be read,
    /// an answer is no single token, or a pair does not fit the model.</exception>
    public ContrastData Read(JobContext? context = null)
    {
        if (Pairs is not null)
            foreach ((string option, object? value) in ((string, object?)[])
                [(nameof(Clean), Clean), (nameof(CleanIds), CleanIds), (nameof(Corrupt), Corrupt),
                (nameof(CorruptIds), CorruptIds), (nameof(Answer), Answer), (nameof(AnswerId), AnswerId),
                (nameof(Wrong), Wrong), (nameof(WrongId), WrongId)])
                if (value is not null)
                    throw new UserException($"{Field.Of(nameof(Pairs))} and {Field.Of(option)}; expected a "
                        + "file of pairs or one pair");
        ModelConfig config = ModelFolder.ReadConfig(Model);
        ModelText text = ModelText.Open(Model, config, Rules, context);
        IReadOnlyList<ContrastPair> pairs = Pairs is { } file
            ? ContrastPairFile.Read(file, text, CleanIsEnough, context?.Remark) : [OnePair(text)];
        foreach (ContrastPair pair in pairs)
            pair.Validate(config);
        text.RemarkWithout(pairs.Select(pair => pair.Clean));
        return new ContrastData(Model, Pairs, config, text.Tokenizer, text.Bos, pairs) { Texts = text };
    }

    ContrastPair OnePair(ModelText text)
    {
        int[] clean = Ids(text, nameof(Clean), Clean, nameof(CleanIds), CleanIds)
            ?? throw Missing(nameof(Clean), nameof(CleanIds));
        int[]? corrupt = Ids(text, nameof(Corrupt), Corrupt, nameof(CorruptIds), CorruptIds);
        if (corrupt is null && !CleanIsEnough)
            throw Missing(nameof(Corrupt), nameof(CorruptIds));
        return new ContrastPair(clean, corrupt,
            Token(text, nameof(Answer), Answer, nameof(AnswerId), AnswerId)
                ?? throw Missing(nameof(Answer), nameof(AnswerId)),
            Token(text, nameof(Wrong), Wrong, nameof(WrongId), WrongId));
    }

    static int[]? Ids(ModelText text, string option, string? prompt, string idsOption, string? ids)
    {
        if (prompt is not null && ids is not null)
            throw Both(option, idsOption);
        return prompt is not null ? text.Row(prompt)
            : ids is not null ? text.Row(TokenRowsFile.ParseIds(ids, idsOption)) : null;
    }

    /// <summary>Returns the token of a word or an id; null where neither is given.</summary>
    /// <exception cref="UserException">Both are given, or the word is no single token.</exception>
    internal static int? Token(ModelText text, string option, string? word, string idOption, int? id)
    {
        if (word is not null && id is not null)
            throw Both(option, idOption);
        return word is not null ? SingleToken(text, word, Field.Of(option)) : id;
    }

    /// <summary>Returns the one token of a word, with a space before it unless it begins with one.</summary>
    /// <exception cref="UserException">It is no single token; the message names them.</exception>
    internal static int SingleToken(ModelText text, string word, string place)
    {
        if (word.Length == 0)
            throw new UserException($"{place} is empty; expected a word of one token");
        string spaced = word[0] == ' ' ? word : " " + word;
        int[] ids = text.Required().Encode(spaced);
        return ids is [var one] ? one : throw new UserException($"{place} is {Quoted.Name(word)}, which is "
            + $"{Counted.Of(ids.Length, "token")} ("
            + string.Join(' ', ids.Take(8).Select(i => i.ToString(CultureInfo.InvariantCulture)))
            + (ids.Length > 8 ? " ..." : "") + "); expected a word of one token"
            + (int.TryParse(word, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
                ? "; an id has an option of its own" : ", or its id"));
    }

    static UserException Missing(string option, string idsOption) => new(
        $"neither {Field.Of(option)} nor {Field.Of(idsOption)}; expected one of them");

    static UserException Both(string option, string idsOption) => new(
        $"{Field.Of(option)} and {Field.Of(idsOption)}; expected one of them");
}

/// <summary>Pairs of prompts, encoded for a model.</summary>
/// <param name="Folder">Folder of the model.</param>
/// <param name="File">File of the pairs; null for one pair of options.</param>
/// <param name="Config">Sizes and options of the model.</param>
/// <param name="Tokenizer">Tokenizer; null if the folder has none.</param>
/// <param name="Bos">Token id before each prompt; null for none.</param>
/// <param name="Pairs">Pairs, checked against the config; at least one.</param>
public sealed record ContrastData(string Folder, string? File, ModelConfig Config,
    ByteBpeTokenizer? Tokenizer, int? Bos, IReadOnlyList<ContrastPair> Pairs)
{
    /// <summary>What reads further texts of the call; opened once, so a remark comes once.</summary>
    internal ModelText Texts { get; init; } = null!;

    /// <summary>Whether the pairs have wrong answers, all of them or none.</summary>
    /// <exception cref="UserException">Some have one and some have none; the message names the first
    /// without.</exception>
    internal bool HaveWrong()
    {
        ContrastPair? without = Pairs.FirstOrDefault(pair => pair.Wrong is null);
        return without is null || (Pairs.All(pair => pair.Wrong is null) ? false
            : throw new UserException($"{without.Place}: it has no wrong answer, and other pairs have one; "
                + "expected one in every pair or in none, so that one thing is measured"));
    }

    /// <summary>The metric where none is named: the logit difference where the pairs have wrong answers, else
    /// the log-probability.</summary>
    /// <exception cref="UserException">Some pairs have a wrong answer and some have none.</exception>
    internal MetricKind UsualMetric()
        => HaveWrong() ? MetricKind.LogitDifference : MetricKind.LogProbability;

    /// <summary>Checks that the clean prompts have one length, as means by position need it.</summary>
    /// <param name="fromEnd">Option that counts positions from the end.</param>
    /// <param name="without">What needs no positions.</param>
    /// <exception cref="UserException">Two differ in length.</exception>
    internal void RequireOneLength(string fromEnd, string without)
    {
        ContrastPair first = Pairs[0];
        if (Pairs.FirstOrDefault(pair => pair.Clean.Length != first.Clean.Length) is { } other)
            throw new UserException($"{first.Place} has {Counted.Of(first.Clean.Length, "token")} and "
                + $"{other.Place} {other.Clean.Length}; expected one length for cells by position, "
                + $"{Field.Of(fromEnd)}, or {without}");
    }

    /// <summary>Returns a token as the piece that every verb prints; its id without a tokenizer.</summary>
    public string Piece(int id) => new LensText(Tokenizer).Of(id);
}
