using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Prompts for a model: exactly one of text, text file, ids, batch file and prompts file.</summary>
public sealed record PromptRequest
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>The prompt as text.</summary>
    public string? Text { get; init; }

    /// <summary>Text file with the prompt.</summary>
    public string? TextFile { get; init; }

    /// <summary>The prompt as token ids separated by commas: "1,2,3".</summary>
    public string? Ids { get; init; }

    /// <summary>JSON file of several prompts: a list of lists of token ids.</summary>
    public string? Batch { get; init; }

    /// <summary>Text file of several prompts, one per line.</summary>
    public string? Prompts { get; init; }

    /// <summary>Puts the config's begin-of-text token before each prompt.</summary>
    public bool Bos { get; init; }

    /// <summary>Whether error messages mention <see cref="Prompts"/> as a choice.</summary>
    public bool TakesPrompts { get; init; }

    /// <summary>
    /// Reads config and prompts, but not the weights, and checks the prompts against the config.
    /// </summary>
    /// <exception cref="UserException">No prompt or several kinds of prompts are given, a file cannot be
    /// read, or a prompt does not fit the model.</exception>
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

    /// <summary>Returns the token to put before a text; null if none was requested.</summary>
    /// <exception cref="UserException">It was requested, and the config has no such token.</exception>
    public static int? BosOf(bool given, ModelConfig config, string folder) => !given ? null
        : (config ?? throw new ArgumentNullException(nameof(config))).BosToken ?? throw new UserException(
            $"{folder}: config.json has no bos_token_id that is in the vocabulary; leave Bos out",
            nameof(Bos));

    /// <summary>Returns the text, given directly or as a file.</summary>
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

/// <summary>A model folder and the prompts to run.</summary>
/// <param name="Folder">Folder of the model.</param>
/// <param name="Config">Sizes and options of the model.</param>
/// <param name="Tokenizer">Tokenizer; null if the folder has none.</param>
/// <param name="Rows">Prompts, checked against the config.</param>
/// <param name="Bos">Token id before each prompt; null for none.</param>
public sealed record Prompt(
    string Folder, ModelConfig Config, ByteBpeTokenizer? Tokenizer, SequenceBatch Rows, int? Bos)
{
    /// <summary>Returns token ids as text, or as numbers without a tokenizer.</summary>
    public string Text(ReadOnlySpan<int> ids)
        => Tokenizer is not null ? Tokenizer.Decode(ids) : string.Join(',', ids.ToArray());

    /// <summary>Reads edits and checks them against the prompts.</summary>
    /// <param name="file">JSON file of edits; null for none.</param>
    /// <param name="generates">Whether steps follow the pass over the prompts. Without, an edit at a position
    /// or step that this pass has not is an error.</param>
    /// <exception cref="UserException">The file cannot be read, or an edit does not fit the prompts or the
    /// model.</exception>
    public IReadOnlyList<Edit> ReadEdits(string? file, bool generates = false)
    {
        IReadOnlyList<Edit> edits = JobEdits.Read(file, Config, Tokenizer);
        foreach (Edit edit in edits)
            edit.ValidateRows(Rows.B);
        if (!generates)
            EditReach.Require(edits, Rows.Lengths);
        return edits;
    }

    /// <summary>Puts edits in force until the returned scope is disposed.</summary>
    internal IDisposable Attach(LanguageModel model, IReadOnlyList<Edit> edits, JobContext context)
        => JobEdits.Attach(model, edits, Tokenizer, Bos, context);
}
