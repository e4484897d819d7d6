using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Texts on which a landscape is measured, and texts of a second set where a verb takes
/// one.</summary>
public sealed record LandscapeTextsRequest
{
    /// <summary>File of texts: .jsonl, .json and .csv have one a row, a plain text one or several.</summary>
    public string? TextFile { get; init; }

    /// <summary>JSON file with a list of lists of token ids, or of texts, each within the model's context;
    /// null for none.</summary>
    public string? Batch { get; init; }

    /// <summary>File of texts that are measured too; null for none.</summary>
    public string? TestTextFile { get; init; }

    /// <summary>JSON file of rows that are measured too; null for none.</summary>
    public string? TestBatch { get; init; }

    /// <summary>Number of tokens of a window; 0 for the model's context.</summary>
    public int Context { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>The files in the order in which they are read.</summary>
    internal IReadOnlyList<string> Files =>
        [.. new[] { TextFile, Batch, TestTextFile, TestBatch }.OfType<string>()];

    /// <summary>Reads the texts, before any weight is.</summary>
    /// <param name="model">Folder whose tokenizer reads them.</param>
    /// <param name="config">Its config.</param>
    /// <param name="context">Gets remarks.</param>
    /// <exception cref="UserException">None or two kinds of texts are given, a file cannot be read, or a row
    /// does not fit the model.</exception>
    internal LandscapeTexts Read(string model, ModelConfig config, JobContext context)
    {
        if (TextFile is null == Batch is null)
            throw new UserException($"{(Batch is null ? "no texts" : "texts of two kinds")}; expected "
                + $"{Field.Of(nameof(TextFile))} or {Field.Of(nameof(Batch))}");
        if (TestTextFile is not null && TestBatch is not null)
            throw new UserException($"test texts of two kinds; expected {Field.Of(nameof(TestTextFile))} or "
                + $"{Field.Of(nameof(TestBatch))}");
        if (Context < 0 || Context > config.ContextLength)
            throw new UserException($"{Field.Of(nameof(Context))} is {Context}; expected 1 to "
                + $"{config.ContextLength}, the model's, or 0 for it");
        Rules.RequireObeyed([.. new[] { TextFile, TestTextFile }.OfType<string>()], nameof(TextFile));
        ModelText text = ModelText.Open(model, config, Rules, context);
        return new(Rows(text, config, TextFile, Batch)!, Rows(text, config, TestTextFile, TestBatch),
            text.Bos);
    }

    /// <summary>Adds to a manifest's options what decides the rows.</summary>
    internal JsonObject AddTo(JsonObject made, LandscapeTexts read)
    {
        made["texts"] = new JsonArray([.. Files.Select(f => JsonValue.Create(f))]);
        made["has_test"] = read.Test is not null;
        made["context"] = Context;
        made["bos"] = read.Bos;
        made["fields"] = Rules.Fields;
        made["lines"] = Rules.Lines;
        made["special"] = Rules.Special;
        return made;
    }

    static int[][]? Rows(ModelText text, ModelConfig config, string? file, string? batch)
    {
        if (file is null && batch is null)
            return null;
        int[][] rows = file is not null
            ? [.. text.Documents(file).Select(t => text.Required().Encode(t))] : [.. text.Batch(batch!)];
        text.RemarkWithout(rows);
        rows = [.. rows.Select(text.Row)];
        if (batch is not null)
            new SequenceBatch(rows).Validate(config);
        return rows.Any(r => r.Length > 1) ? rows : throw new UserException(
            $"{Quoted.Path(file ?? batch!)}: no text has two tokens, so there is nothing to predict; "
            + "expected a longer text");
    }
}

/// <summary>Rows of tokens to measure a landscape on.</summary>
/// <param name="Train">Rows that give the loss.</param>
/// <param name="Test">Rows of the second set; null for none.</param>
/// <param name="Bos">Token id before each row; null for none.</param>
sealed record LandscapeTexts(int[][] Train, int[][]? Test, int? Bos);
