using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The texts of a loss: a text file or a batch file.</summary>
public sealed record TextOrBatchRequest
{
    /// <summary>File of texts, as <c>eval</c> reads it; null where <see cref="Batch"/> is given.</summary>
    public string? TextFile { get; init; }

    /// <summary>JSON file with a list of lists of token ids, or of texts; null where
    /// <see cref="TextFile"/> is given.</summary>
    public string? Batch { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>Whether there is one.</summary>
    internal bool IsGiven => TextFile is not null || Batch is not null;

    /// <summary>Reads the texts as a model's tokens; no weight is read.</summary>
    /// <param name="folder">Folder of the model.</param>
    /// <param name="context">Gets remarks.</param>
    /// <returns>Token ids, of which at least one text has two.</returns>
    /// <exception cref="UserException">None or both are given, a file cannot be read, or there is nothing to
    /// predict.</exception>
    internal IReadOnlyList<int[]> Read(string folder, JobContext context)
    {
        if (TextFile is null == Batch is null)
            throw new UserException($"{(TextFile is null ? "no texts" : "texts of two kinds")}; expected "
                + $"{Field.Of(nameof(TextFile))} or {Field.Of(nameof(Batch))}, one of them");
        Rules.RequireObeyed(TextFile, nameof(TextFile));
        ModelText text = ModelText.Open(folder, ModelFolder.ReadConfig(folder), Rules, context);
        IReadOnlyList<int[]> rows = Batch is not null ? text.Batch(Batch)
            : [.. text.Documents(TextFile!).Select(t => text.Required().Encode(t))];
        text.RemarkWithout(rows);
        rows = [.. rows.Select(text.Row)];
        return rows.Any(row => row.Length > 1) ? rows : throw new UserException(
            $"{Quoted.Path(Batch ?? TextFile!)}: no text has two tokens, so there is nothing to predict; "
            + "expected a longer text");
    }

    /// <summary>The hash of texts, for a manifest.</summary>
    internal static string HashOf(IReadOnlyList<int[]> documents)
        => DocumentSource.FromIds(documents.Where(d => d.Length > 1), "texts").Hash;
}
