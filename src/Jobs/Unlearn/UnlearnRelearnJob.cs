using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnRelearnJob"/>.</summary>
public sealed record UnlearnRelearnOptions
{
    /// <summary>Folder of the model.</summary>
    public required string Model { get; init; }

    /// <summary>File of the sequences that were forgotten.</summary>
    public required string Sequences { get; init; }

    /// <summary>File of rows to train on; null for the sequences themselves.</summary>
    public string? Train { get; init; }

    /// <summary>Number of steps, each of 8 rows.</summary>
    public int Steps { get; init; } = 64;

    /// <summary>Learning rate of AdamW.</summary>
    public float LearningRate { get; init; } = 1e-4f;

    /// <summary>Options of the memorisation measure.</summary>
    public RecitalRequest Recital { get; init; } = new();

    /// <summary>
    /// Folder for measurements and a checkpoint, so that the same call continues; null for none.
    /// </summary>
    public string? Out { get; init; }
}

/// <summary>How soon forgotten sequences come back.</summary>
/// <param name="Sequences">Number of sequences in the file.</param>
/// <param name="Rows">Number of rows that were trained on.</param>
/// <param name="FirstBackAt">Number of steps at the first measurement with more recited than at step 0; null
/// for none.</param>
/// <param name="Steps">Measurements in order.</param>
public sealed record UnlearnRelearnResult(
    int Sequences, int Rows, int? FirstBackAt, IReadOnlyList<RelearnedStep> Steps)
{
    /// <summary>Token id before each sequence; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

/// <summary>Memorisation after a number of steps.</summary>
/// <param name="Steps">Number of fine-tuning steps.</param>
/// <param name="Memorised">Share of the sequences that the model continues token for token, 0 to 1.</param>
/// <param name="Loose">Share with a Levenshtein similarity of at least 0.75.</param>
/// <param name="Similarity">Mean Levenshtein similarity, 0 to 1.</param>
public sealed record RelearnedStep(int Steps, double Memorised, double Loose, double Similarity);

/// <summary>Fine-tunes a copy of a model and measures when it recites forgotten sequences again.</summary>
public static class UnlearnRelearnJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The model or a file cannot be read, or does not fit.</exception>
    public static UnlearnRelearnResult Run(UnlearnRelearnOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        ModelText text = ModelText.Open(options.Model, config, options.Recital.Rules, context);
        IReadOnlyList<PlantedSequence> asked = options.Recital.Sequences(options.Sequences, text, context);
        MemorisationOptions recital = options.Recital.Read(text, asked);
        IReadOnlyList<PlantedSequence> rows = options.Train is { } train
            ? options.Recital.Sequences(train, text, context) : asked;
        using ComputeDevice device = context.OpenDevice();
        using RelearnFolder? results = options.Out is { } target
            ? RelearnFolder.Open(target, Call(options, context, device, recital)) : null;
        if (results is { Complete: true })
            context.Remark?.Invoke("complete already; nothing was trained");
        using LanguageModel model = LoadedModel.Load(context, device, options.Model);
        IReadOnlyList<RelearnedAt> found = Relearning.Run(model, asked, [.. rows.Select(r => r.Ids)], recital,
            options.Steps, options.LearningRate, context.Seed, results, cancel: context.Cancel);
        return new UnlearnRelearnResult(asked.Count, rows.Count,
            found.FirstOrDefault(f => f.Recited.Strict > found[0].Recited.Strict)?.Steps,
            [.. found.Select(f => new RelearnedStep(
                f.Steps, f.Recited.Strict, f.Recited.Loose, f.Recited.MeanSimilarity))])
        {
            Bos = text.Bos,
        };
    }

    static Manifest Call(UnlearnRelearnOptions options, JobContext context, ComputeDevice device,
        MemorisationOptions recital)
    {
        var made = new JsonObject
        {
            ["sequences"] = options.Sequences, ["train"] = options.Train, ["prompt"] = recital.Prompt,
            ["continuation"] = recital.Continuation, ["never_token"] = recital.NeverWritten,
            ["steps"] = options.Steps, ["learning_rate"] = options.LearningRate,
        };
        if (recital.Bos is { } bos)
            made["bos"] = bos;
        return new()
        {
            Command = "unlearn relearn",
            Options = made,
            Seed = context.Seed,
            ModelHash = ModelFolder.Hash(options.Model),
            DataHash = FileHash.Sha256([.. new[] { options.Sequences, options.Train }.OfType<string>()]),
            Device = device.Name,
            Precision = device.Precision.ManifestName(),
        };
    }
}
