using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>The tokens of a run: its texts, encoded.</summary>
/// <param name="Tokenizer">What encoded them.</param>
/// <param name="Train">What is trained on, with the token that is before and after each document.</param>
/// <param name="Validation">What is held out for evaluation, or null.</param>
public sealed record TrainingTexts(ByteBpeTokenizer Tokenizer, TokenDataset Train, TokenDataset? Validation)
{
    /// <summary>Reads or generates the texts, and reads or learns the tokenizer.</summary>
    /// <param name="config">The run.</param>
    /// <param name="atlas">Generates the atlas documents of a seed; required where the config names
    /// one.</param>
    /// <param name="remark">Told in a line each what a user may not have meant; null for nobody.</param>
    /// <exception cref="UserException">A file is missing or wrong, or there is too little text.</exception>
    public static TrainingTexts Load(TrainingConfig config, Func<ulong, IEnumerable<string>>? atlas = null,
        Action<string>? remark = null)
    {
        IdleTextRules.Refuse([.. config.Data.Files, .. config.Validation?.Files ?? []], config.Texts.Fields,
            config.Texts.Lines, "data.files");
        List<string> documents = config.Data.AtlasSeed is { } seed
            ? [.. (atlas ?? throw new ArgumentNullException(nameof(atlas)))(seed)]
            : Read(config.Data.Files, config.Texts, remark);
        List<string>? validation = config.Validation switch
        {
            null => null,
            { Files.Count: > 0 } files => Read(files.Files, config.Texts, remark),
            var share => TakeShare(documents, share.Share, config.Seed),
        };
        ByteBpeTokenizer tokenizer = LoadTokenizer(config, documents)
            .With(config.Texts.Special, Once(remark));
        int between = Between(config, tokenizer);
        return new TrainingTexts(tokenizer, Encode(documents, "data"),
            validation is null ? null : Encode(validation, "validation"));

        TokenDataset Encode(List<string> texts, string field) => texts.Exists(text => text.Length > 0)
            ? TokenDataset.FromTokens(texts.Select(text => tokenizer.Encode(text)), between)
            : throw new UserException(
                $"{field}: has no text; expected at least one document that is not empty");
    }

    static List<string> Read(
        IReadOnlyList<string> files, TrainingTextRules rules, Action<string>? remark)
    {
        TextFields fields = TextFields.Parse(rules.Fields, "Fields");
        return [.. files.SelectMany(file => TextDocuments.Read(file, fields, rules.Lines, remark))];
    }

    // Before and after each document.
    static int Between(TrainingConfig config, ByteBpeTokenizer tokenizer) =>
        config.Texts.BosToken is { } named
            ? BeginOfText.Named(named, config.Model.From is { } from ? ModelFolder.ReadConfig(from) : null,
                tokenizer, "BosToken")
            : tokenizer.EndOfText ?? throw new UserException(
                $"The tokenizer has no {BpeVocabulary.EndOfText} token to put between documents; name "
                + $"another with {Field.Of("BosToken")}, or use a tokenizer that has it.");

    // Texts spell a special token more than once.
    static Action<string>? Once(Action<string>? remark)
    {
        if (remark is null)
            return null;
        int said = 0;
        return token =>
        {
            if (Interlocked.Exchange(ref said, 1) == 0)
                remark($"a text spells the special token {Quoted.Name(token)} and stays text; "
                    + $"{Field.Of("Special")} makes it that token");
        };
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
