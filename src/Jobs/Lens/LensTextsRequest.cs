using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Training texts of lenses: exactly one of text files, a batch file and the atlas.</summary>
public sealed record LensTextsRequest
{
    /// <summary>Files of texts, .txt (documents separated by &lt;|endoftext|&gt;) or .jsonl.</summary>
    public IReadOnlyList<string> TextFile { get; init; } = [];

    /// <summary>JSON file with a list of lists of token ids; null for none.</summary>
    public string? Batch { get; init; }

    /// <summary>Seed of texts of the atlas generator; null for none.</summary>
    public ulong? Atlas { get; init; }

    /// <summary>Puts the config's begin-of-text token before each document.</summary>
    public bool Bos { get; init; }

    /// <summary>Reads the texts as the model's tokens.</summary>
    /// <exception cref="UserException">No source or several are given, or the source cannot be
    /// used.</exception>
    internal DocumentSource Read(string folder, ModelConfig config)
    {
        int given = (TextFile.Count > 0 ? 1 : 0) + (Batch is null ? 0 : 1) + (Atlas is null ? 0 : 1);
        if (given != 1)
            throw new UserException($"{(given == 0 ? "no texts" : "texts of several kinds")}; expected "
                + "one of TextFile, Batch and Atlas", nameof(TextFile), nameof(Batch), nameof(Atlas));
        if (Batch is not null)
        {
            DocumentSource ids = DocumentSource.FromIds(TokenRowsFile.Read(Batch), Batch);
            for (int i = 0; i < ids.Count; i++)
                ids.Read(i, config.VocabSize); // checks the ids before the model is read
            return ids;
        }
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        return TextFile.Count > 0 ? DocumentSource.FromFiles(TextFile, tokenizer)
            : DocumentSource.FromTexts(new AtlasCorpus(AtlasFacts.Shipped, Atlas!.Value).Documents, tokenizer,
                "atlas");
    }
}
