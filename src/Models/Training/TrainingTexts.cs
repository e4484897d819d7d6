using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>The tokens of a run: its texts, encoded.</summary>
/// <param name="Tokenizer">What encoded them.</param>
/// <param name="Train">What is trained on.</param>
/// <param name="Validation">What is held out for evaluation, or null.</param>
public sealed record TrainingTexts(ByteBpeTokenizer Tokenizer, TokenDataset Train, TokenDataset? Validation)
{
    /// <summary>Reads or generates the texts, and reads or learns the tokenizer.</summary>
    /// <param name="config">The run.</param>
    /// <param name="atlas">Generates the atlas documents of a seed; required where the config names
    /// one.</param>
    /// <exception cref="UserException">A file is missing or wrong, or there is too little text.</exception>
    public static TrainingTexts Load(TrainingConfig config, Func<ulong, IEnumerable<string>>? atlas = null)
    {
        List<string> documents = config.Data.AtlasSeed is { } seed
            ? [.. (atlas ?? throw new ArgumentNullException(nameof(atlas)))(seed)]
            : [.. config.Data.Files.SelectMany(file => TextDocuments.Read(file))];
        List<string>? validation = config.Validation switch
        {
            null => null,
            { Files.Count: > 0 } files => [.. files.Files.SelectMany(file => TextDocuments.Read(file))],
            var share => TakeShare(documents, share.Share, config.Seed),
        };
        ByteBpeTokenizer tokenizer = LoadTokenizer(config, documents);
        return new TrainingTexts(tokenizer, TokenDataset.FromDocuments(documents, tokenizer),
            validation is null ? null : TokenDataset.FromDocuments(validation, tokenizer));
    }

    static ByteBpeTokenizer LoadTokenizer(TrainingConfig config, IEnumerable<string> documents) =>
        config.Tokenizer is { From: null } learnt
            ? new ByteBpeTokenizer(BpeTrainer.Train(documents, learnt.VocabSize, [BpeVocabulary.EndOfText],
                minimumCount: learnt.MinimumCount))
            : ByteBpeTokenizer.Load(config.Tokenizer?.From ?? config.Model.From!);

    /// <summary>Moves a seeded share of the documents, at least one, out of the list.</summary>
    static List<string> TakeShare(List<string> documents, float share, ulong seed)
    {
        (int[] train, int[] held) = DocumentSplit.Choose(documents.Count, share, seed);
        List<string> validation = [.. held.Select(d => documents[d])];
        string[] kept = [.. train.Select(d => documents[d])];
        documents.Clear();
        documents.AddRange(kept);
        return validation;
    }
}
