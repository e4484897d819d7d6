using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnDataJob"/>; null numbers take the preset's values.</summary>
public sealed record UnlearnDataOptions
{
    /// <summary>Preset: paper (published sizes) or small.</summary>
    public string Preset { get; init; } = "small";

    /// <summary>Task: additive, multiplicative, exponential, power or text.</summary>
    public string Task { get; init; } = "multiplicative";

    /// <summary>Artefact to plant: noise, backdoor or none.</summary>
    public string Artefact { get; init; } = "noise";

    /// <summary>Files with the text for task text; null for none.</summary>
    public IReadOnlyList<string>? TextFile { get; init; }

    /// <summary>Seed of the atlas generator's text for task text; null for none.</summary>
    public ulong? Atlas { get; init; }

    /// <summary>Model folder whose tokenizer encodes the text for task text.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>How the texts for task text are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>Number of sequences of the main task.</summary>
    public int? MainCount { get; init; }

    /// <summary>Number of sequences of each auxiliary task.</summary>
    public int? AuxiliaryCount { get; init; }

    /// <summary>Number of rows per task held out for tests.</summary>
    public int? TestCount { get; init; }

    /// <summary>Number of numbers in a sequence.</summary>
    public int? Numbers { get; init; }

    /// <summary>Number of tokens of a row.</summary>
    public int? Context { get; init; }

    /// <summary>Number of rows with noise.</summary>
    public int? NoiseCount { get; init; }

    /// <summary>Number of duplication groups; a row of group g is 10^g times in the training set.</summary>
    public int? Groups { get; init; }

    /// <summary>Number of copies of a row with a backdoor.</summary>
    public int? BackdoorCopies { get; init; }

    /// <summary>Trigger: a number, or a token id for text; null lets the seed choose.</summary>
    public int? Trigger { get; init; }

    /// <summary>Whether a trigger counts only as a whole number.</summary>
    public bool WholeNumberTrigger { get; init; }

    /// <summary>Whether sequences start along orbits of the rule.</summary>
    public bool OrbitStarts { get; init; }

    /// <summary>Number of prompt tokens, n of (n, k) memorisation.</summary>
    public int? Prompt { get; init; }

    /// <summary>Number of continuation tokens, k of (n, k) memorisation.</summary>
    public int? Continuation { get; init; }

    /// <summary>Folder for the data set.</summary>
    public required string Out { get; init; }

    internal TinyMemOptions Validated(ulong seed)
    {
        MathKind? kind = KindOf(Task);
        if (kind is not null && (TextFile is not null || Atlas is not null || Tokenizer is not null))
            throw new UserException($"{Field.Of(nameof(TextFile))}, {Field.Of(nameof(Atlas))} and "
                + $"{Field.Of(nameof(Tokenizer))} belong to {Field.Of(nameof(Task))} text");
        if (kind is not null && Rules != new TextRules())
            throw new UserException($"{Field.Of(nameof(Rules.Bos))}, {Field.Of(nameof(Rules.BosToken))}, "
                + $"{Field.Of(nameof(Rules.Special))}, {Field.Of(nameof(Rules.Lines))} and "
                + $"{Field.Of(nameof(Rules.Fields))} belong to {Field.Of(nameof(Task))} text");
        Artefact artefact = ArtefactOf(Artefact);
        TinyMemOptions preset = Preset switch
        {
            "paper" => TinyMemOptions.Paper(kind, artefact),
            "small" => TinyMemOptions.Small(kind, artefact),
            _ => throw new UserException(
                $"{Field.Of(nameof(Preset))} is {Quoted.Name(Preset)}; expected paper or small"),
        };
        return (preset with
        {
            Seed = seed,
            MainCount = MainCount ?? preset.MainCount,
            AuxiliaryCount = AuxiliaryCount ?? preset.AuxiliaryCount,
            TestCount = TestCount ?? preset.TestCount,
            Numbers = Numbers ?? preset.Numbers,
            Context = Context ?? preset.Context,
            NoiseCount = NoiseCount ?? preset.NoiseCount,
            Groups = Groups ?? preset.Groups,
            BackdoorCopies = BackdoorCopies ?? preset.BackdoorCopies,
            Trigger = Trigger,
            WholeNumberTrigger = WholeNumberTrigger,
            OrbitStarts = preset.OrbitStarts || OrbitStarts,
            Prompt = Prompt ?? preset.Prompt,
            Continuation = Continuation ?? preset.Continuation,
        }).Validated();
    }

    static MathKind? KindOf(string word) => word switch
    {
        "additive" => MathKind.Additive,
        "multiplicative" => MathKind.Multiplicative,
        "exponential" => MathKind.Exponential,
        "power" => MathKind.Power,
        "text" => null,
        _ => throw new UserException($"{Field.Of(nameof(Task))} is {Quoted.Name(word)}; expected additive, "
            + "multiplicative, exponential, power or text"),
    };

    static Artefact ArtefactOf(string word) => word switch
    {
        "noise" => HeadTap.Unlearn.Artefact.Noise,
        "backdoor" => HeadTap.Unlearn.Artefact.Backdoor,
        "none" => HeadTap.Unlearn.Artefact.None,
        _ => throw new UserException(
            $"{Field.Of(nameof(Artefact))} is {Quoted.Name(word)}; expected noise, backdoor or none"),
    };
}

/// <summary>A data set that was written.</summary>
/// <param name="Out">Folder of the data set.</param>
/// <param name="Train">Number of training rows, copies included.</param>
/// <param name="Planted">Number of planted rows, without copies.</param>
/// <param name="Measurable">Number of planted rows that differ from their clean version in the
/// continuation.</param>
/// <param name="HeldOut">Number of rows with the trigger that are not trained on.</param>
/// <param name="Tests">Number of test rows by task.</param>
/// <param name="VocabSize">Size of the vocabulary.</param>
/// <param name="TrainHash">SHA-256 of the training rows, hexadecimal.</param>
public sealed record UnlearnDataResult(string Out, int Train, int Planted, int Measurable, int HeldOut,
    IReadOnlyDictionary<string, int> Tests, int VocabSize, string TrainHash)
{
    /// <summary>Token id before each text; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The options with the preset's values filled in.</summary>
    [JsonIgnore]
    public TinyMemOptions Options { get; init; } = new();
}

/// <summary>Writes a TinyMem data set: sequences with planted noise or a backdoor.</summary>
public static class UnlearnDataJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong, a text cannot be read, or the folder cannot be
    /// written.</exception>
    public static UnlearnDataResult Run(UnlearnDataOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        TinyMemOptions data = options.Validated(context.Seed);
        TinyMemDataset made = data.Kind is null ? Language(options, data, context)
            : TinyMemDataset.Math(data);
        context.Cancel.ThrowIfCancellationRequested();
        TinyMemFolder.Save(made, options.Out, "unlearn data");
        return new UnlearnDataResult(options.Out, made.Train.Count, made.Planted.Count,
            made.Measurable.Count, made.HeldOut.Count,
            made.Tests.ToDictionary(t => t.Task, t => t.Rows.Count), made.VocabSize,
            TinyMemFolder.TrainHash(options.Out)) { Options = made.Options, Bos = made.Options.Bos };
    }

    static TinyMemDataset Language(UnlearnDataOptions options, TinyMemOptions data, JobContext context)
    {
        string[] files = [.. options.TextFile ?? []];
        if (files.Length == 0 == options.Atlas is null)
            throw new UserException($"{Field.Of(nameof(options.Task))} text needs either "
                + $"{Field.Of(nameof(options.TextFile))} or {Field.Of(nameof(options.Atlas))}");
        options.Rules.RequireObeyed(files, nameof(options.TextFile));
        string folder = options.Tokenizer ?? throw new UserException(
            $"{Field.Of(nameof(options.Task))} text needs {Field.Of(nameof(options.Tokenizer))} DIR, "
            + "a model folder");
        ModelText text = ModelText.OpenTokenizer(folder, options.Rules, context);
        ByteBpeTokenizer tokenizer = text.Required();
        DocumentSource texts = options.Atlas is { } seed
            ? DocumentSource.FromTexts(
                new AtlasCorpus(AtlasFacts.Shipped, seed).Documents, tokenizer, "atlas")
            : text.Source(files);
        return TinyMemDataset.Language(data with { Bos = text.Bos },
            Enumerable.Range(0, texts.Count).Select(d => text.Row(texts.Read(d).ToArray())),
            Math.Max(tokenizer.VocabSize, (text.Bos ?? 0) + 1));
    }
}
