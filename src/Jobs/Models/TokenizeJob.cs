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

    /// <summary>A file with the text; null with <see cref="Text"/>.</summary>
    public string? TextFile { get; init; }

    /// <summary>Whether the text of a special token becomes that token.</summary>
    public bool Special { get; init; }
}

/// <summary>A text as tokens.</summary>
/// <param name="Count">Number of tokens.</param>
/// <param name="Ids">Token ids, [count].</param>
/// <param name="Pieces">Text of each token, [count].</param>
public sealed record TokenizeResult(int Count, IReadOnlyList<int> Ids, IReadOnlyList<string> Pieces);

/// <summary>Splits a text into tokens.</summary>
public static class TokenizeJob
{
    /// <summary>Runs the job and returns its result.</summary>
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
