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
        Require();
        ModelConfig config = ModelFolder.ReadConfig(folder);
        return Rows(ModelText.Open(folder, config, Rules, context), TextFile, Batch)!;
    }

    /// <summary>Refuses no texts, two kinds of them, and rules that no file obeys.</summary>
    /// <param name="test">Another file of texts, read by the same rules; null for none.</param>
    /// <exception cref="UserException">One of these is so.</exception>
    internal void Require(string? test = null)
    {
        if (TextFile is null == Batch is null)
            throw new UserException($"{(TextFile is null ? "no texts" : "texts of two kinds")}; expected "
                + $"{Field.Of(nameof(TextFile))} or {Field.Of(nameof(Batch))}, one of them");
        Rules.RequireObeyed([.. new[] { TextFile, test }.OfType<string>()], nameof(TextFile));
    }

    /// <summary>Reads a file of texts or a batch; null where neither is given.</summary>
    /// <exception cref="UserException">The file cannot be read, a row does not fit the model, or there is
    /// nothing to predict.</exception>
    internal static int[][]? Rows(ModelText text, string? file, string? batch)
    {
        if (file is null && batch is null)
            return null;
        int[][] rows = file is not null
            ? [.. text.Documents(file).Select(t => text.Required().Encode(t))] : [.. text.Batch(batch!)];
        text.RemarkWithout(rows);
        rows = [.. rows.Select(text.Row)];
        if (batch is not null)
            text.RequireFit(batch, rows);
        return rows.Any(r => r.Length > 1) ? rows : throw new UserException(
            $"{Quoted.Path(file ?? batch!)}: no text has two tokens, so there is nothing to predict; "
            + "expected a longer text");
    }

    /// <summary>The hash of texts, for a manifest.</summary>
    internal static string HashOf(IReadOnlyList<int[]> documents)
        => DocumentSource.FromIds(documents.Where(d => d.Length > 1), "texts").Hash;
}
