using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Prompts for a model: exactly one of text, text file, ids, batch file and prompts file.</summary>
public sealed record PromptRequest
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>The prompt.</summary>
    public string? Text { get; init; }

    /// <summary>A file with the prompt.</summary>
    public string? TextFile { get; init; }

    /// <summary>The prompt as token ids with commas between them: "1,2,3".</summary>
    public string? Ids { get; init; }

    /// <summary>A JSON file with several prompts: a list of lists of token ids.</summary>
    public string? Batch { get; init; }

    /// <summary>A text file with several prompts, one on each line.</summary>
    public string? Prompts { get; init; }

    /// <summary>Puts the config's begin-of-text token before each prompt.</summary>
    public bool Bos { get; init; }

    /// <summary>Whether <see cref="Prompts"/> is among the choices that an error names.</summary>
    public bool TakesPrompts { get; init; }

    /// <summary>
    /// Reads config and prompts, and checks them against each other; the weights are not touched.
    /// </summary>
    /// <exception cref="UserException">Something does not fit.</exception>
    public Prompt Read()
    {
        string?[] given = [Text, TextFile, Ids, Batch, Prompts];
        int count = given.Count(g => g is not null);
        if (count != 1)
            throw new UserException($"{(count == 0 ? "no prompt" : "more than one prompt")}; expected one of "
                + $"Text, TextFile, Ids{(TakesPrompts ? ", Batch and Prompts" : " and Batch")}",
                nameof(Text), nameof(TextFile), nameof(Ids), nameof(Batch), nameof(Prompts));
        IReadOnlyList<int[]>? rows = Ids is not null ? [TokenRowsFile.ParseIds(Ids, nameof(Ids))]
            : Batch is not null ? TokenRowsFile.Read(Batch) : null;
        string[]? texts = rows is not null ? null : Prompts is not null ? Lines(Prompts)
            : [OneText(Text, TextFile)];
        ModelConfig config = ModelFolder.ReadConfig(Model);
        ByteBpeTokenizer? tokenizer = texts is not null || ByteBpeTokenizer.ExistsIn(Model)
            ? ByteBpeTokenizer.Load(Model) : null;
        rows ??= [.. texts!.Select(text => tokenizer!.Encode(text))];
        int? bos = BosOf(Bos, config, Model);
        if (bos is { } token)
            rows = [.. rows.Select(r => (int[])[token, .. r])];
        var sequences = new SequenceBatch([.. rows]);
        sequences.Validate(config);
        return new Prompt(Model, config, tokenizer, sequences, bos);
    }

    /// <summary>The token that is put before a text; null where none was asked for.</summary>
    /// <exception cref="UserException">It is asked for, and the config names no token.</exception>
    public static int? BosOf(bool given, ModelConfig config, string folder) => !given ? null
        : (config ?? throw new ArgumentNullException(nameof(config))).BosToken ?? throw new UserException(
            $"{folder}: config.json has no bos_token_id that is in the vocabulary; leave Bos out",
            nameof(Bos));

    /// <summary>The one text of two ways to give it.</summary>
    /// <exception cref="UserException">None or both are given, or the file cannot be read.</exception>
    public static string OneText(string? text, string? file) => (text, file) switch
    {
        (not null, null) => text,
        (null, not null) => TextDocuments.ReadText(file),
        _ => throw new UserException(
            $"{(text is null ? "no text" : "two texts")}; expected Text or TextFile",
            nameof(Text), nameof(TextFile)),
    };

    static string[] Lines(string file)
    {
        string[] texts = [.. TextDocuments.ReadLines(file).Where(line => line.Length > 0)];
        return texts.Length > 0 ? texts
            : throw new UserException($"{Quoted.Path(file)}: there is no prompt in it; expected one a line");
    }
}

/// <summary>A model folder and what to run it on.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Config">Sizes and options of the model.</param>
/// <param name="Tokenizer">Null where the folder has none.</param>
/// <param name="Rows">The prompts, checked against the config.</param>
/// <param name="Bos">The token before each prompt; null for none.</param>
public sealed record Prompt(
    string Folder, ModelConfig Config, ByteBpeTokenizer? Tokenizer, SequenceBatch Rows, int? Bos)
{
    /// <summary>Token ids as text where there is a tokenizer, else as numbers.</summary>
    public string Text(ReadOnlySpan<int> ids)
        => Tokenizer is not null ? Tokenizer.Decode(ids) : string.Join(',', ids.ToArray());

    /// <summary>Reads edits and checks them against the prompts.</summary>
    /// <param name="file">A JSON file of edits; null for none.</param>
    /// <exception cref="UserException">It cannot be read, or an edit does not fit.</exception>
    public IReadOnlyList<Edit> ReadEdits(string? file)
    {
        if (file is null)
            return [];
        IReadOnlyList<Edit> edits = EditSpec.Read(file);
        foreach (Edit edit in edits)
        {
            edit.Validate(Config);
            edit.ValidateRows(Rows.B);
        }
        return edits;
    }
}
