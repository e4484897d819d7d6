using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnDataJob"/>; a number that is null has the preset's value.</summary>
public sealed record UnlearnDataOptions
{
    /// <summary>paper (published sizes) or small.</summary>
    public string Preset { get; init; } = "small";

    /// <summary>additive, multiplicative, exponential, power or text.</summary>
    public string Task { get; init; } = "multiplicative";

    /// <summary>What is planted: noise, backdoor or none.</summary>
    public string Artefact { get; init; } = "noise";

    /// <summary>Files with the text of task text; null for none.</summary>
    public IReadOnlyList<string>? TextFile { get; init; }

    /// <summary>Of task text: the seed of the atlas generator's text; null for none.</summary>
    public ulong? Atlas { get; init; }

    /// <summary>Of task text: a model folder whose tokenizer encodes it.</summary>
    public string? Tokenizer { get; init; }

    /// <summary>Sequences of the main task.</summary>
    public int? MainCount { get; init; }

    /// <summary>Sequences of each auxiliary task.</summary>
    public int? AuxiliaryCount { get; init; }

    /// <summary>Rows of each task held out for tests.</summary>
    public int? TestCount { get; init; }

    /// <summary>Numbers of a sequence.</summary>
    public int? Numbers { get; init; }

    /// <summary>Tokens of a row.</summary>
    public int? Context { get; init; }

    /// <summary>Rows that get noise.</summary>
    public int? NoiseCount { get; init; }

    /// <summary>Duplication groups; a row of group g stands 10^g times.</summary>
    public int? Groups { get; init; }

    /// <summary>Copies of a row with a backdoor.</summary>
    public int? BackdoorCopies { get; init; }

    /// <summary>The trigger: a number, or of text a token id; null for one that the seed decides.</summary>
    public int? Trigger { get; init; }

    /// <summary>A trigger counts only as a whole number.</summary>
    public bool WholeNumberTrigger { get; init; }

    /// <summary>Sequences start along orbits of the rule.</summary>
    public bool OrbitStarts { get; init; }

    /// <summary>n of (n, k) memorisation, tokens.</summary>
    public int? Prompt { get; init; }

    /// <summary>k of (n, k) memorisation, tokens.</summary>
    public int? Continuation { get; init; }

    /// <summary>A folder for the data set.</summary>
    public required string Out { get; init; }

    internal TinyMemOptions Validated(ulong seed)
    {
        MathKind? kind = KindOf(Task);
        if (kind is not null && (TextFile is not null || Atlas is not null || Tokenizer is not null))
            throw new UserException("TextFile, Atlas and Tokenizer belong to Task text",
                nameof(TextFile), nameof(Atlas), nameof(Tokenizer), nameof(Task));
        Artefact artefact = ArtefactOf(Artefact);
        TinyMemOptions preset = Preset switch
        {
            "paper" => TinyMemOptions.Paper(kind, artefact),
            "small" => TinyMemOptions.Small(kind, artefact),
            _ => throw new UserException(
                $"Preset is {Quoted.Name(Preset)}; expected paper or small", nameof(Preset)),
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
        _ => throw new UserException($"Task is {Quoted.Name(word)}; expected additive, multiplicative, "
            + "exponential, power or text", nameof(Task)),
    };

    static Artefact ArtefactOf(string word) => word switch
    {
        "noise" => HeadTap.Unlearn.Artefact.Noise,
        "backdoor" => HeadTap.Unlearn.Artefact.Backdoor,
        "none" => HeadTap.Unlearn.Artefact.None,
        _ => throw new UserException(
            $"Artefact is {Quoted.Name(word)}; expected noise, backdoor or none", nameof(Artefact)),
    };
}

/// <summary>A data set that was written.</summary>
/// <param name="Out">Its folder.</param>
/// <param name="Train">Rows to train on, copies included.</param>
/// <param name="Planted">Different rows in which something was planted.</param>
/// <param name="Measurable">Planted rows that differ from their clean version in the continuation.</param>
/// <param name="HeldOut">Rows with the trigger that are not trained on.</param>
/// <param name="Tests">Test rows by task.</param>
/// <param name="VocabSize">Token ids are below it.</param>
/// <param name="TrainHash">SHA-256 of the training rows, hexadecimal.</param>
public sealed record UnlearnDataResult(string Out, int Train, int Planted, int Measurable, int HeldOut,
    IReadOnlyDictionary<string, int> Tests, int VocabSize, string TrainHash)
{
    /// <summary>The options with the preset's values filled in.</summary>
    [JsonIgnore]
    public TinyMemOptions Options { get; init; } = new();
}

/// <summary>Writes a TinyMem data set: sequences with planted noise or a backdoor.</summary>
public static class UnlearnDataJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">An option is wrong, a text cannot be read, or the folder cannot be
    /// written.</exception>
    public static UnlearnDataResult Run(UnlearnDataOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        TinyMemOptions data = options.Validated(context.Seed);
        TinyMemDataset made = data.Kind is null ? Language(options, data) : TinyMemDataset.Math(data);
        context.Cancel.ThrowIfCancellationRequested();
        TinyMemFolder.Save(made, options.Out, "unlearn data");
        return new UnlearnDataResult(options.Out, made.Train.Count, made.Planted.Count,
            made.Measurable.Count, made.HeldOut.Count,
            made.Tests.ToDictionary(t => t.Task, t => t.Rows.Count), made.VocabSize,
            TinyMemFolder.TrainHash(options.Out)) { Options = data };
    }

    static TinyMemDataset Language(UnlearnDataOptions options, TinyMemOptions data)
    {
        string[] files = [.. options.TextFile ?? []];
        if (files.Length == 0 == options.Atlas is null)
            throw new UserException("Task text needs either TextFile or Atlas",
                nameof(options.Task), nameof(options.TextFile), nameof(options.Atlas));
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(options.Tokenizer
            ?? throw new UserException("Task text needs Tokenizer DIR, a model folder",
                nameof(options.Task), nameof(options.Tokenizer)));
        DocumentSource texts = options.Atlas is { } seed
            ? DocumentSource.FromTexts(
                new AtlasCorpus(AtlasFacts.Shipped, seed).Documents, tokenizer, "atlas")
            : DocumentSource.FromFiles(files, tokenizer);
        return TinyMemDataset.Language(data,
            Enumerable.Range(0, texts.Count).Select(d => texts.Read(d).ToArray()), tokenizer.VocabSize);
    }
}
