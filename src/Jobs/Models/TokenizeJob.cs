using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="TokenizeJob"/>.</summary>
public sealed record TokenizeOptions
{
    /// <summary>A model folder, or one with a tokenizer alone.</summary>
    public required string Model { get; init; }

    /// <summary>The text; null with <see cref="TextFile"/>.</summary>
    public string? Text { get; init; }

    /// <summary>A file with the text; null with <see cref="Text"/>.</summary>
    public string? TextFile { get; init; }

    /// <summary>Reads the text of a special token as that token.</summary>
    public bool Special { get; init; }
}

/// <summary>A text as tokens.</summary>
/// <param name="Count">Number of tokens.</param>
/// <param name="Ids">[count] token ids.</param>
/// <param name="Pieces">[count] the text of each token.</param>
public sealed record TokenizeResult(int Count, IReadOnlyList<int> Ids, IReadOnlyList<string> Pieces);

/// <summary>Cuts a text into tokens.</summary>
public static class TokenizeJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">The folder or the text cannot be read.</exception>
    public static TokenizeResult Run(TokenizeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        string text = PromptRequest.OneText(options.Text, options.TextFile);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(options.Model);
        int[] ids = tokenizer.Encode(text, options.Special);
        return new TokenizeResult(ids.Length, ids, [.. ids.Select(tokenizer.TokenText)]);
    }
}
