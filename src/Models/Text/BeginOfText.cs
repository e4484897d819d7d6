using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The token that begins a text. The record of a training by HeadTap decides, then the tokenizer's files, as
/// in Transformers; config.json decides where neither names one.
/// </summary>
/// <param name="Token">Token id; null if no file names one of the vocabulary.</param>
/// <param name="Disagreement">One line if the files name different tokens; null if they agree.</param>
/// <param name="IsExpected">Whether the tokenizer puts the token before every text by itself, or the model,
/// or the one that it was made from, was trained by HeadTap with it before every document.</param>
public sealed record BeginOfText(int? Token, string? Disagreement, bool IsExpected)
{
    /// <summary>Whether it is expected because the tokenizer's files say so, and no record of a training
    /// does.</summary>
    public bool BySetting { get; init; }

    /// <summary>
    /// Says in the options of a child's manifest what is known of its parent's training by HeadTap: whether
    /// the token stood before every document, and which.
    /// </summary>
    /// <param name="parent">Folder of the parent.</param>
    /// <param name="options">Options of the child's manifest.</param>
    public static void Carry(string parent, JsonObject options)
    {
        ArgumentNullException.ThrowIfNull(options);
        TrainingRecord.Of(parent)?.CarryTo(options);
    }

    /// <summary>Puts the token before a text; a text that begins with it keeps the one that it has.</summary>
    /// <param name="ids">Tokens of the text.</param>
    /// <param name="bos">The token; null for none.</param>
    public static int[] Before(ReadOnlySpan<int> ids, int? bos)
        => bos is { } token && (ids.Length == 0 || ids[0] != token) ? [token, .. ids] : [.. ids];

    /// <summary>Finds the token of a model folder.</summary>
    /// <param name="folder">Folder of the model.</param>
    /// <param name="config">Its config; null for a tokenizer without a model.</param>
    /// <param name="tokenizer">Its tokenizer; null if it has none.</param>
    /// <exception cref="UserException">A file is wrong.</exception>
    public static BeginOfText Of(string folder, ModelConfig? config, ByteBpeTokenizer? tokenizer)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string? name = tokenizer?.Vocabulary.BeginToken;
        int? own = name is null ? null : tokenizer!.IdOf(name);
        if (own >= config?.VocabSize)
            own = null;
        TrainingRecord? trained = TrainingRecord.Of(folder);
        int? put = trained?.BosToken is { } recorded && recorded < config?.VocabSize ? recorded : null;
        int? token = put ?? own ?? config?.BosToken;
        var said = new List<(string From, int? Token, string? Impossible)>();
        if (name is not null)
            said.Add((tokenizer!.Vocabulary.BeginTokenFile ?? "the tokenizer", own, null));
        if (tokenizer?.Vocabulary.OverruledBeginToken is var (other, otherFile))
        {
            int? id = other is null ? null : tokenizer.IdOf(other);
            said.Add((otherFile, id, id is not null ? null
                : other is null ? "none" : $"{Quoted.Name(other)}, which is no token of the model,"));
        }
        if (put is not null)
            said.Add(("the record of its training", put, null));
        foreach (string file in config is null ? (string[])[] : ["config.json", "generation_config.json"])
            if (InFile(Path.Combine(folder, file), config!.VocabSize) is { } found)
                said.Add((file, found.Token, found.Impossible));
        bool expected = token is not null
            && (trained?.Bos ?? tokenizer?.Vocabulary.BeginsTexts == true);
        bool agree = said.All(s => s.Token == token && s.Impossible is null);
        return new BeginOfText(token, agree ? null : Line(), expected)
        {
            BySetting = expected && trained?.Bos is null,
        };

        string Line() => $"{Quoted.Path(folder)}: the begin-of-text token is "
            + string.Join(", ", said.Select(s => $"{s.Impossible ?? Named(s.Token)} in {s.From}"))
            + $"; {(token is null ? "none" : token.Value.ToString(CultureInfo.InvariantCulture))} is taken";

        string Named(int? id) => id is not { } known
            ? $"{Quoted.Name(name!)}, which is no token of the model,"
            : $"{known}{(tokenizer?.HasToken(known) == true
                ? $" {Quoted.Name(tokenizer.Vocabulary.Tokens[known])}" : "")}";
    }

    /// <summary>Finds a token that the user names.</summary>
    /// <param name="word">An id, or a token as the tokenizer spells it.</param>
    /// <param name="config">The model's config.</param>
    /// <param name="tokenizer">Its tokenizer; null if it has none.</param>
    /// <param name="option">Name of the option, for the message.</param>
    /// <exception cref="UserException">It is no token of the model.</exception>
    public static int Named(string word, ModelConfig? config, ByteBpeTokenizer? tokenizer, string option)
    {
        ArgumentNullException.ThrowIfNull(word);
        int most = config?.VocabSize ?? tokenizer?.VocabSize ?? 0;
        // Digits are an id, also where the vocabulary has a token of these digits.
        int? id = int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number : tokenizer?.IdOf(word);
        return id is { } known && known < most ? known
            : throw new UserException($"{Field.Of(option)} is {Quoted.Name(word)}; expected a token id from "
            + $"0 to {most - 1}, or a token as the tokenizer spells it");
    }

    // Null where the file or its field is missing; with words for an id or a list that cannot be.
    static (int? Token, string? Impossible)? InFile(string path, int vocabSize)
    {
        const string field = "bos_token_id";
        if (!File.Exists(path))
            return null;
        using JsonDocument json = InputFile.ReadJsonObject(path, most: 1 << 20);
        var fields = new JsonFields(path, json.RootElement);
        if (!fields.Has(field))
            return null;
        int? token = fields.Token(field, vocabSize);
        JsonElement value = json.RootElement.GetProperty(field);
        string text = Quoted.Line(value.GetRawText());
        return (token, value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 1
            ? $"{text}, which is more than one token," : token is null
            ? $"{text}, which is no token of the model," : null);
    }
}
