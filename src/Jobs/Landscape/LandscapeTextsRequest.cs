using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Texts on which a landscape is measured, and texts of a second set where a verb takes
/// one.</summary>
public sealed record LandscapeTextsRequest
{
    /// <summary>The texts that give the loss.</summary>
    public TextOrBatchRequest Text { get; init; } = new();

    /// <summary>File of texts that are measured too; null for none.</summary>
    public string? TestTextFile { get; init; }

    /// <summary>JSON file of rows that are measured too; null for none.</summary>
    public string? TestBatch { get; init; }

    /// <summary>Number of tokens of a window; 0 for the model's context.</summary>
    public int Context { get; init; }

    /// <summary>The files in the order in which they are read.</summary>
    internal IReadOnlyList<string> Files =>
        [.. new[] { Text.TextFile, Text.Batch, TestTextFile, TestBatch }.OfType<string>()];

    /// <summary>Reads the texts, before any weight is.</summary>
    /// <param name="model">Folder whose tokenizer reads them.</param>
    /// <param name="config">Its config.</param>
    /// <param name="context">Gets remarks.</param>
    /// <exception cref="UserException">None or two kinds of texts are given, a file cannot be read, or a row
    /// does not fit the model.</exception>
    internal LandscapeTexts Read(string model, ModelConfig config, JobContext context)
    {
        Text.Require(TestTextFile);
        if (TestTextFile is not null && TestBatch is not null)
            throw new UserException($"test texts of two kinds; expected {Field.Of(nameof(TestTextFile))} or "
                + $"{Field.Of(nameof(TestBatch))}");
        if (Context < 0 || Context > config.ContextLength)
            throw new UserException($"{Field.Of(nameof(Context))} is {Context}; expected 1 to "
                + $"{config.ContextLength}, the model's, or 0 for it");
        ModelText text = ModelText.Open(model, config, Text.Rules, context);
        return new(TextOrBatchRequest.Rows(text, Text.TextFile, Text.Batch)!,
            TextOrBatchRequest.Rows(text, TestTextFile, TestBatch), text.Bos);
    }

    /// <summary>Adds to a manifest's options what decides the rows.</summary>
    internal JsonObject AddTo(JsonObject made, LandscapeTexts read)
    {
        made["texts"] = new JsonArray([.. Files.Select(f => JsonValue.Create(f))]);
        made["has_test"] = read.Test is not null;
        made["context"] = Context;
        made["bos"] = read.Bos;
        made["fields"] = Text.Rules.Fields;
        made["lines"] = Text.Rules.Lines;
        made["special"] = Text.Rules.Special;
        return made;
    }
}

/// <summary>Rows of tokens to measure a landscape on.</summary>
/// <param name="Train">Rows that give the loss.</param>
/// <param name="Test">Rows of the second set; null for none.</param>
/// <param name="Bos">Token id before each row; null for none.</param>
sealed record LandscapeTexts(int[][] Train, int[][]? Test, int? Bos);
