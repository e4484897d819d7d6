using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="TokenizeJob"/>.</summary>
public sealed record TokenizeOptions
{
    /// <summary>Folder of a model or of a tokenizer alone.</summary>
    public required string Model { get; init; }

    /// <summary>The text; null with <see cref="TextFile"/>.</summary>
    public string? Text { get; init; }

    /// <summary>A file with texts, as for every verb with prompts; null with <see cref="Text"/>.</summary>
    public string? TextFile { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();
}

/// <summary>A text as tokens.</summary>
/// <param name="Count">Number of tokens.</param>
/// <param name="Ids">Token ids, [count].</param>
/// <param name="Pieces">Text of each token, [count].</param>
public sealed record TokenizeResult(int Count, IReadOnlyList<int> Ids, IReadOnlyList<string> Pieces)
{
    /// <summary>Token id before each text; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

/// <summary>Splits texts into tokens.</summary>
public static class TokenizeJob
{
    /// <summary>Splits one text.</summary>
    /// <exception cref="UserException">The folder or the text cannot be read, or there are
    /// several.</exception>
    public static TokenizeResult Run(TokenizeOptions options, JobContext? context = null)
        => All(options, context) is [var one] ? one
            : throw new UserException("several texts; expected one");

    /// <summary>Splits all texts.</summary>
    /// <exception cref="UserException">The folder or a text cannot be read.</exception>
    public static IReadOnlyList<TokenizeResult> All(TokenizeOptions options, JobContext? context = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options.Text is null == options.TextFile is null)
            throw new UserException(
                $"{(options.Text is null ? "no text" : "two texts")}; expected "
                    + $"{Field.Of(nameof(options.Text))} or {Field.Of(nameof(options.TextFile))}");
        options.Rules.RequireObeyed(options.TextFile, nameof(options.TextFile));
        ModelText text = ModelText.OpenTokenizer(options.Model, options.Rules, context);
        ByteBpeTokenizer tokenizer = text.Required();
        return [.. (options.Text is { } one ? [one] : text.Prompts(options.TextFile!)).Select(text.Row)
            .Select(ids => new TokenizeResult(ids.Length, ids, [.. ids.Select(tokenizer.TokenText)])
            {
                Bos = text.Bos,
            })];
    }
}
