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

    /// <summary>
    /// File with prompts: .jsonl, .json and .csv have one a row; a plain text is one, or one a line.
    /// </summary>
    public string? TextFile { get; init; }

    /// <summary>The prompt as token ids separated by commas: "1,2,3".</summary>
    public string? Ids { get; init; }

    /// <summary>JSON file of several prompts: a list of lists of token ids, or of texts.</summary>
    public string? Batch { get; init; }

    /// <summary>Text file of several prompts, one per line.</summary>
    public string? Prompts { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>Whether error messages mention <see cref="Prompts"/> as a choice.</summary>
    public bool TakesPrompts { get; init; }

    /// <summary>
    /// Reads config and prompts, but not the weights, and checks the prompts against the config.
    /// </summary>
    /// <param name="context">Gets remarks; null for none.</param>
    /// <exception cref="UserException">No prompt or several kinds of prompts are given, a file cannot be
    /// read, or a prompt does not fit the model.</exception>
    public Prompt Read(JobContext? context = null)
    {
        string?[] given = [Text, TextFile, Ids, Batch, Prompts];
        int count = given.Count(g => g is not null);
        if (count != 1)
            throw new UserException($"{(count == 0 ? "no prompt" : "more than one prompt")}; expected one of "
                + $"{Field.Of(nameof(Text))}, {Field.Of(nameof(TextFile))}, "
                + (TakesPrompts
                    ? $"{Field.Of(nameof(Ids))}, {Field.Of(nameof(Batch))} and {Field.Of(nameof(Prompts))}"
                    : $"{Field.Of(nameof(Ids))} and {Field.Of(nameof(Batch))}"));
        Rules.RequireObeyed(TextFile ?? Prompts, nameof(TextFile));
        int[]? ids = Ids is null ? null : TokenRowsFile.ParseIds(Ids, nameof(Ids));
        ModelConfig config = ModelFolder.ReadConfig(Model);
        ModelText text = ModelText.Open(Model, config,
            Prompts is null ? Rules : Rules with { Lines = true }, context);
        IReadOnlyList<int[]> rows = ids is not null ? [ids]
            : Batch is not null ? text.Batch(Batch)
            : [.. (Text is not null ? [Text] : text.Prompts(Prompts ?? TextFile!))
                .Select(t => text.Required().Encode(t))];
        text.RemarkWithout(rows);
        var sequences = new SequenceBatch([.. rows.Select(text.Row)]);
        sequences.Validate(config);
        return new Prompt(Model, config, text.Tokenizer, sequences, text.Bos)
        {
            Begin = text.Begin, Texts = text,
        };
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
    /// <summary>Token id that begins a text where a method needs one; null for none.</summary>
    public int? Begin { get; init; }

    /// <summary>What reads further texts of the call; opened once, so a remark comes once.</summary>
    internal ModelText Texts { get; init; } = null!;

    /// <summary>Returns a token as the piece that every verb prints; its id without a tokenizer.</summary>
    public string Piece(int id) => new LensText(Tokenizer).Of(id);

    /// <summary>Reads edits and checks them against the prompts.</summary>
    /// <param name="file">JSON file of edits; null for none.</param>
    /// <param name="context">Gets remarks; null for none.</param>
    /// <param name="generates">Whether steps follow the pass over the prompts. Without, an edit at a position
    /// or step that this pass has not is an error.</param>
    /// <param name="processed">Whether the job runs weights rewritten as TransformerLens does; null for a job
    /// that has no such option.</param>
    /// <param name="oneByOne">Whether each prompt runs by itself, so that no edit can name rows.</param>
    /// <exception cref="UserException">The file cannot be read, or an edit does not fit the prompts or the
    /// model.</exception>
    public IReadOnlyList<Edit> ReadEdits(
        string? file, JobContext? context = null, bool generates = false, bool? processed = null,
        bool oneByOne = false)
    {
        IReadOnlyList<Edit> edits = JobEdits.Read(file, Folder, Config, Tokenizer, context, processed);
        foreach (Edit edit in edits)
            edit.ValidateRows(Rows.B);
        if (oneByOne)
            EditReach.RequireOneByOne(edits, Rows.Lengths);
        else if (!generates)
            EditReach.Require(edits, Rows.Lengths);
        return edits;
    }

    /// <summary>Puts edits in force until the returned scope is disposed.</summary>
    internal IDisposable Attach(LanguageModel model, IReadOnlyList<Edit> edits, JobContext context)
        => JobEdits.Attach(model, edits, Tokenizer, Bos, context);
}
