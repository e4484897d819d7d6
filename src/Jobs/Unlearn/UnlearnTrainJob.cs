using System.Diagnostics;
using System.Text.Json.Serialization;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnTrainJob"/>; a number that is null has the preset's value.</summary>
public sealed record UnlearnTrainOptions
{
    /// <summary>A folder with a TinyMem data set.</summary>
    public required string Data { get; init; }

    /// <summary>paper (published epochs and batch) or small.</summary>
    public string Preset { get; init; } = "small";

    /// <summary>Blocks.</summary>
    public int? Layers { get; init; }

    /// <summary>Passes over the rows.</summary>
    public int? Epochs { get; init; }

    /// <summary>Rows of a step.</summary>
    public int? BatchRows { get; init; }

    /// <summary>AdamW's rate, constant.</summary>
    public float LearningRate { get; init; } = 1e-3f;

    /// <summary>AdamW's decay, of all parameters.</summary>
    public float WeightDecay { get; init; } = 0.1f;

    /// <summary>Epochs whose models are kept as epoch-N.</summary>
    public IReadOnlyList<int>? Keep { get; init; }

    /// <summary>Epochs between measurements.</summary>
    public int EvaluateEvery { get; init; } = 10;

    /// <summary>Epochs between checkpoints.</summary>
    public int CheckpointEvery { get; init; } = 10;

    /// <summary>A name of <see cref="RegulariserCatalog"/>; null for plain training.</summary>
    public string? Regulariser { get; init; }

    /// <summary>Of the regulariser: corrected or reference; null for corrected.</summary>
    public string? Form { get; init; }

    /// <summary>Values of the regulariser's options.</summary>
    public MethodSettings RegulariserOptions { get; init; } = new();

    /// <summary>The folder that gets the model, metrics and checkpoint; the same call again goes on where it
    /// stopped.</summary>
    public required string Out { get; init; }

    internal TinyMemTrainingOptions Validated(TinyMemOptions data, ulong? seed)
    {
        TinyMemTrainingOptions preset = Preset switch
        {
            "paper" => TinyMemTrainingOptions.Paper(data),
            "small" => TinyMemTrainingOptions.Small(data),
            _ => throw new UserException(
                $"Preset is {Quoted.Name(Preset)}; expected paper or small", nameof(Preset)),
        };
        string? alone = Regulariser is not null ? null
            : Form is not null ? nameof(Form) : RegulariserOptions.Given.FirstOrDefault();
        if (alone is not null)
            throw new UserException($"{alone} belongs to Regulariser; name one", alone, nameof(Regulariser));
        int epochs = Epochs ?? preset.Epochs;
        TinyMemTrainingOptions training = (preset with
        {
            Layers = Layers ?? preset.Layers,
            Epochs = epochs,
            BatchRows = BatchRows ?? preset.BatchRows,
            Optimizer = preset.Optimizer with { LearningRate = LearningRate, WeightDecay = WeightDecay },
            Keep = Keep ?? [.. preset.Keep.Where(e => e < epochs)],
            EvaluateEvery = EvaluateEvery,
            CheckpointEvery = CheckpointEvery,
            Seed = seed ?? preset.Seed,
            Regulariser = Regulariser,
            Form = Form is null ? MethodForm.Corrected : ForgetRequest.FormOf(Form, nameof(Form)),
            RegulariserOptions = RegulariserOptions,
        }).Validated();
        if (Regulariser is not null)
            RegulariserOptions.Require(RegulariserCatalog.Named(Regulariser));
        return training;
    }
}

/// <summary>A trained model, measured.</summary>
/// <param name="Epochs">Passes over the rows.</param>
/// <param name="Seconds">Time of this call.</param>
/// <param name="Memorised">Share of the planted rows that are continued token for token, 0 to 1; this and the
/// next four are null where nothing is planted.</param>
/// <param name="Loose">Share whose Levenshtein similarity is at least 0.75.</param>
/// <param name="Similarity">Mean Levenshtein similarity, 0 to 1.</param>
/// <param name="Correct">Share continued as the clean version goes on.</param>
/// <param name="Asked">Planted rows that were asked for.</param>
/// <param name="BackdoorSuccess">Share of held-out triggers that fire; null without a backdoor.</param>
/// <param name="Accuracy">Mean token accuracy of the tests, padding counted, 0 to 1.</param>
/// <param name="AccuracyWithoutPadding">The same without padding.</param>
/// <param name="Groups">Memorisation by number of copies.</param>
/// <param name="Tasks">By test.</param>
public sealed record UnlearnTrainResult(int Epochs, double Seconds, double? Memorised, double? Loose,
    double? Similarity, double? Correct, int? Asked, double? BackdoorSuccess, double Accuracy,
    double AccuracyWithoutPadding, IReadOnlyList<TrainedGroup> Groups,
    IReadOnlyDictionary<string, TrainedTask> Tasks)
{
    /// <summary>The measurement.</summary>
    [JsonIgnore]
    public TinyMemScore Score { get; init; } = new(null, null, []);

    /// <summary>Time of this call, not rounded.</summary>
    [JsonIgnore]
    public TimeSpan Elapsed { get; init; }
}

/// <summary>Memorisation of the planted rows with the same number of copies.</summary>
/// <param name="Group">g: they stand 10^g times in the training set.</param>
/// <param name="Sequences">How many were asked for.</param>
/// <param name="Memorised">Share that is continued token for token, 0 to 1.</param>
public sealed record TrainedGroup(int Group, int Sequences, double Memorised);

/// <summary>How well a test is predicted.</summary>
/// <param name="Accuracy">Token accuracy, padding counted, 0 to 1.</param>
/// <param name="AccuracyWithoutPadding">The same without padding.</param>
/// <param name="Perplexity">exp of the mean loss without padding.</param>
/// <param name="BatchPerplexity">Mean over batches of exp of the batch's mean loss, padding counted.</param>
public sealed record TrainedTask(
    double Accuracy, double AccuracyWithoutPadding, double Perplexity, double BatchPerplexity);

/// <summary>Trains a TinyMem model on a TinyMem data set.</summary>
public static class UnlearnTrainJob
{
    /// <summary>Runs the job.</summary>
    /// <returns>The last measurement; null where the job was stopped, which saves a checkpoint.</returns>
    /// <exception cref="UserException">Data, options or folder are not usable, or the loss is no
    /// number.</exception>
    public static UnlearnTrainResult? Run(UnlearnTrainOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        TinyMemTrainingOptions training =
            options.Validated(TinyMemFolder.Load(options.Data).Options, context.GivenSeed);
        using ComputeDevice device = context.OpenDevice();
        bool trained = false;
        var watch = Stopwatch.StartNew();
        TinyMemScore? score = TinyMemRun.Run(device, options.Data, training, options.Out, "unlearn train",
            at =>
            {
                trained = true;
                Tell(context, at);
            }, context.Cancel);
        if (score is not null && !trained)
            context.Remark?.Invoke("complete already; nothing was trained");
        return score is null ? null : Result(score, training.Epochs, watch.Elapsed);
    }

    // Not JobContext.Report, which would end the run before its checkpoint.
    static void Tell(JobContext context, TinyMemProgress at)
    {
        if (context.Progress is { } progress)
            progress(new JobProgress("training", (double)at.Epoch / at.Epochs,
                $"epoch {at.Epoch}, loss {at.Loss:0.000}"));
        else if (at.Score is { } score)
            context.Remark?.Invoke($"epoch {at.Epoch} of {at.Epochs}, {at.Seconds:0} s: loss "
                + $"{at.Loss:0.0000}, memorised {score.Memorised:0.0 %}, accuracy {score.Accuracy:0.0 %} "
                + $"({score.PlainAccuracy:0.0 %} without padding)");
    }

    static UnlearnTrainResult Result(TinyMemScore score, int epochs, TimeSpan elapsed)
    {
        Memorisation? recited = score.Memorisation;
        return new UnlearnTrainResult(epochs, Math.Round(elapsed.TotalSeconds, 2), recited?.Strict,
            recited?.Loose, recited?.MeanSimilarity, recited?.Correct, recited?.Recitals.Count,
            score.HeldOut?.Strict, score.Accuracy, score.PlainAccuracy,
            [.. (recited?.Groups ?? []).Select(g => new TrainedGroup(g.Group, g.Count, g.Share))],
            score.Tasks.ToDictionary(t => t.Task, t => new TrainedTask(t.Padded.Accuracy, t.Plain.Accuracy,
                t.Plain.Perplexity, t.Padded.BatchPerplexity)))
        { Score = score, Elapsed = elapsed };
    }
}
