using System.Diagnostics;
using System.Text.Json.Serialization;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnTrainJob"/>; null numbers take the preset's values.</summary>
public sealed record UnlearnTrainOptions
{
    /// <summary>Folder of a TinyMem data set.</summary>
    public required string Data { get; init; }

    /// <summary>Preset: paper (published epochs and batch size) or small.</summary>
    public string Preset { get; init; } = "small";

    /// <summary>Number of layers.</summary>
    public int? Layers { get; init; }

    /// <summary>Passes over the rows.</summary>
    public int? Epochs { get; init; }

    /// <summary>Number of rows per step.</summary>
    public int? BatchRows { get; init; }

    /// <summary>Learning rate of AdamW, constant.</summary>
    public float LearningRate { get; init; } = 1e-3f;

    /// <summary>Weight decay of AdamW, for all parameters.</summary>
    public float WeightDecay { get; init; } = 0.1f;

    /// <summary>Numbers N of the epochs whose models are kept as epoch-N.</summary>
    public IReadOnlyList<int>? Keep { get; init; }

    /// <summary>Number of epochs between measurements.</summary>
    public int EvaluateEvery { get; init; } = 10;

    /// <summary>Number of epochs between checkpoints.</summary>
    public int CheckpointEvery { get; init; } = 10;

    /// <summary>Name of the regulariser, from <see cref="RegulariserCatalog"/>; null for none.</summary>
    public string? Regulariser { get; init; }

    /// <summary>Form of the regulariser: corrected or reference; null for corrected.</summary>
    public string? Form { get; init; }

    /// <summary>Option values of the regulariser.</summary>
    public MethodSettings RegulariserOptions { get; init; } = new();

    /// <summary>Folder for model, metrics and checkpoint; the same call continues where it stopped.</summary>
    public required string Out { get; init; }

    internal TinyMemTrainingOptions Validated(TinyMemOptions data, ulong? seed)
    {
        TinyMemTrainingOptions preset = Preset switch
        {
            "paper" => TinyMemTrainingOptions.Paper(data),
            "small" => TinyMemTrainingOptions.Small(data),
            _ => throw new UserException(
                $"{Field.Of(nameof(Preset))} is {Quoted.Name(Preset)}; expected paper or small"),
        };
        string? alone = Regulariser is not null ? null
            : Form is not null ? nameof(Form) : RegulariserOptions.Given.FirstOrDefault();
        if (alone is not null)
            throw new UserException($"{Field.Of(alone)} belongs to {Field.Of(nameof(Regulariser))}; name "
                + "one");
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

/// <summary>The measures of a trained model.</summary>
/// <param name="Epochs">Number of passes over the rows.</param>
/// <param name="Seconds">Time of this call, seconds.</param>
/// <param name="Memorised">Share of the planted rows that the model continues token for token, 0 to 1; null
/// if nothing is planted, like the next four.</param>
/// <param name="Loose">Share with a Levenshtein similarity of at least 0.75.</param>
/// <param name="Similarity">Mean Levenshtein similarity, 0 to 1.</param>
/// <param name="Correct">Share that the model continues like the clean version.</param>
/// <param name="Asked">Number of planted rows that were asked for.</param>
/// <param name="BackdoorSuccess">Share of held-out rows whose trigger works, 0 to 1; null without a
/// backdoor.</param>
/// <param name="Accuracy">Mean token accuracy of the tests with padding, 0 to 1.</param>
/// <param name="AccuracyWithoutPadding">Token accuracy without padding, 0 to 1.</param>
/// <param name="Groups">Memorisation by number of copies.</param>
/// <param name="Tasks">Scores by test.</param>
public sealed record UnlearnTrainResult(int Epochs, double Seconds, double? Memorised, double? Loose,
    double? Similarity, double? Correct, int? Asked, double? BackdoorSuccess, double Accuracy,
    double AccuracyWithoutPadding, IReadOnlyList<TrainedGroup> Groups,
    IReadOnlyDictionary<string, TrainedTask> Tasks)
{
    /// <summary>The score that the result was made from.</summary>
    [JsonIgnore]
    public TinyMemScore Score { get; init; } = new(null, null, []);

    /// <summary>The time of this call, not rounded.</summary>
    [JsonIgnore]
    public TimeSpan Elapsed { get; init; }
}

/// <summary>Memorisation of the planted rows with the same number of copies.</summary>
/// <param name="Group">Group g; the rows are 10^g times in the training set.</param>
/// <param name="Sequences">Number of rows that were asked for.</param>
/// <param name="Memorised">Share of them that the model continues token for token, 0 to 1.</param>
public sealed record TrainedGroup(int Group, int Sequences, double Memorised);

/// <summary>How well a model predicts a test.</summary>
/// <param name="Accuracy">Token accuracy with padding, 0 to 1.</param>
/// <param name="AccuracyWithoutPadding">Token accuracy without padding, 0 to 1.</param>
/// <param name="Perplexity">exp of the mean loss without padding.</param>
/// <param name="BatchPerplexity">Mean over batches of exp(mean loss of the batch), with padding.</param>
public sealed record TrainedTask(
    double Accuracy, double AccuracyWithoutPadding, double Perplexity, double BatchPerplexity);

/// <summary>Trains a TinyMem model on a TinyMem data set.</summary>
public static class UnlearnTrainJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <returns>The last measurement; null if the job was stopped, which saves a checkpoint.</returns>
    /// <exception cref="UserException">Data, options or folder are not usable, or the loss is not
    /// finite.</exception>
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

    // JobContext.Report throws on cancellation, and the run must write its checkpoint first, so this does not
    // use it.
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
