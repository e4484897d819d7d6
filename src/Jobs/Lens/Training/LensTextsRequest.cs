using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Training texts of lenses: exactly one of text files, a batch file and the atlas.</summary>
public sealed record LensTextsRequest
{
    /// <summary>
    /// Files of texts: .txt (documents separated by &lt;|endoftext|&gt;, or one a line), .jsonl, .json or
    /// .csv.
    /// </summary>
    public IReadOnlyList<string> TextFile { get; init; } = [];

    /// <summary>JSON file with a list of lists of token ids, or of texts; null for none.</summary>
    public string? Batch { get; init; }

    /// <summary>Seed of texts of the atlas generator; null for none.</summary>
    public ulong? Atlas { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>Reads the texts as the model's tokens.</summary>
    /// <exception cref="UserException">No source or several are given, or the source cannot be
    /// used.</exception>
    internal DocumentSource Read(ModelText text)
    {
        (string folder, ModelConfig config) = (text.Folder, text.Config);
        int given = (TextFile.Count > 0 ? 1 : 0) + (Batch is null ? 0 : 1) + (Atlas is null ? 0 : 1);
        if (given != 1)
            throw new UserException($"{(given == 0 ? "no texts" : "texts of several kinds")}; expected one "
                + $"of {Field.Of(nameof(TextFile))}, {Field.Of(nameof(Batch))} and "
                + $"{Field.Of(nameof(Atlas))}");
        Rules.RequireObeyed(TextFile, nameof(TextFile));
        if (Batch is not null)
        {
            DocumentSource ids = DocumentSource.FromIds(text.Batch(Batch), Batch);
            for (int i = 0; i < ids.Count; i++)
                ids.Read(i, config.VocabSize); // checks the ids before the model is read
            return ids;
        }
        ByteBpeTokenizer tokenizer = text.Required();
        return TextFile.Count > 0 ? text.Source(TextFile)
            : DocumentSource.FromTexts(new AtlasCorpus(AtlasFacts.Shipped, Atlas!.Value).Documents, tokenizer,
                "atlas");
    }
}
