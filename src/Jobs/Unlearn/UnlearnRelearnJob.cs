using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnRelearnJob"/>.</summary>
public sealed record UnlearnRelearnOptions
{
    /// <summary>The model's folder.</summary>
    public required string Model { get; init; }

    /// <summary>A file of the sequences that were forgotten.</summary>
    public required string Sequences { get; init; }

    /// <summary>A file of rows to train on; null for the sequences themselves.</summary>
    public string? Train { get; init; }

    /// <summary>Steps of 8 rows.</summary>
    public int Steps { get; init; } = 64;

    /// <summary>AdamW's rate.</summary>
    public float LearningRate { get; init; } = 1e-4f;

    /// <summary>How sequences are asked for.</summary>
    public RecitalRequest Recital { get; init; } = new();

    /// <summary>A folder for measurements and a checkpoint, with which the same call goes on; null for
    /// none.</summary>
    public string? Out { get; init; }
}

/// <summary>How soon forgotten sequences come back.</summary>
/// <param name="Sequences">Sequences in the file.</param>
/// <param name="Rows">Rows that were trained on.</param>
/// <param name="FirstBackAt">Steps at the first measurement with more recited than before; null for
/// none.</param>
/// <param name="Steps">The measurements.</param>
public sealed record UnlearnRelearnResult(
    int Sequences, int Rows, int? FirstBackAt, IReadOnlyList<RelearnedStep> Steps);

/// <summary>What the model recites after some steps.</summary>
/// <param name="Steps">Steps of fine-tuning.</param>
/// <param name="Memorised">Share that is continued token for token, 0 to 1.</param>
/// <param name="Loose">Share whose Levenshtein similarity is at least 0.75.</param>
/// <param name="Similarity">Mean Levenshtein similarity, 0 to 1.</param>
public sealed record RelearnedStep(int Steps, double Memorised, double Loose, double Similarity);

/// <summary>Fine-tunes a copy of a model and measures when it recites forgotten sequences again.</summary>
public static class UnlearnRelearnJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">The model or a file cannot be read, or does not fit.</exception>
    public static UnlearnRelearnResult Run(UnlearnRelearnOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        MemorisationOptions recital = options.Recital.Read(config);
        IReadOnlyList<PlantedSequence> asked =
            RecitalRequest.Sequences(options.Sequences, options.Model, config);
        IReadOnlyList<PlantedSequence> rows = options.Train is { } train
            ? RecitalRequest.Sequences(train, options.Model, config) : asked;
        using ComputeDevice device = context.OpenDevice();
        using RelearnFolder? results = options.Out is { } target
            ? RelearnFolder.Open(target, Call(options, context, device, recital)) : null;
        if (results is { Complete: true })
            context.Remark?.Invoke("complete already; nothing was trained");
        context.Cancel.ThrowIfCancellationRequested();
        using LanguageModel model = LanguageModel.Load(device, options.Model);
        IReadOnlyList<RelearnedAt> found = Relearning.Run(model, asked, [.. rows.Select(r => r.Ids)], recital,
            options.Steps, options.LearningRate, context.Seed, results, cancel: context.Cancel);
        return new UnlearnRelearnResult(asked.Count, rows.Count,
            found.FirstOrDefault(f => f.Recited.Strict > found[0].Recited.Strict)?.Steps,
            [.. found.Select(f => new RelearnedStep(
                f.Steps, f.Recited.Strict, f.Recited.Loose, f.Recited.MeanSimilarity))]);
    }

    static Manifest Call(UnlearnRelearnOptions options, JobContext context, ComputeDevice device,
        MemorisationOptions recital) => new()
        {
            Command = "unlearn relearn",
            Options = new JsonObject
            {
                ["sequences"] = options.Sequences, ["train"] = options.Train, ["prompt"] = recital.Prompt,
                ["continuation"] = recital.Continuation, ["never_token"] = recital.NeverWritten,
                ["steps"] = options.Steps, ["learning_rate"] = options.LearningRate,
            },
            Seed = context.Seed,
            ModelHash = ModelFolder.Hash(options.Model),
            DataHash = FileHash.Sha256([.. new[] { options.Sequences, options.Train }.OfType<string>()]),
            Device = device.Name,
            Precision = device.Precision.ManifestName(),
        };
}
