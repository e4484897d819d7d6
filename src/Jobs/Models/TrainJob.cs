using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="TrainJob"/>.</summary>
public sealed record TrainOptions
{
    /// <summary>A JSON file: what to train on what, and how. weights/atlas/train.json is one.</summary>
    public required string Config { get; init; }

    /// <summary>The folder that gets the checkpoint, the metrics and at the end the model.</summary>
    public required string Out { get; init; }

    /// <summary>What the manifest names as the command.</summary>
    public string Command { get; init; } = "train";
}

/// <summary>How a training ended.</summary>
/// <param name="Complete">False where it was stopped; it can be continued.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Tokens">Tokens whose loss counted.</param>
/// <param name="Loss">Of the last step, nats; null if there was none.</param>
/// <param name="Seconds">Since it was started or continued.</param>
/// <param name="Atlas">Answers to the atlas' questions, where it was trained on them.</param>
public sealed record TrainResult(bool Complete, int Step, long Tokens, double? Loss, double Seconds,
    IReadOnlyList<AtlasAnswers>? Atlas)
{
    /// <summary>The same answers, as a text table too; null with <see cref="Atlas"/>.</summary>
    [JsonIgnore]
    public AtlasEvaluation? Evaluation { get; init; }
}

/// <summary>Trains a model as a config file says. The context's seed replaces the config's.</summary>
public static class TrainJob
{
    const int RemarkEvery = 50; // steps

    /// <summary>Runs the job; a cancelled one saves a checkpoint and returns.</summary>
    /// <exception cref="UserException">Config, texts, checkpoint or folder are not usable, the job does not
    /// fit the device, or the loss is no longer a number.</exception>
    public static TrainResult Run(TrainOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        TrainingConfig config = TrainingConfig.Read(options.Config);
        if (context.GivenSeed is { } given)
            config = config with { Seed = given };
        AtomicFile.RequireWritable(Path.Combine(options.Out, TrainingRun.MetricsFile));
        using ComputeDevice device = context.OpenDevice();
        bool trained = false;
        TrainingResult result = TrainingRun.Run(device, config, options.Out, new TrainingRunOptions
        {
            Command = options.Command,
            Atlas = AtlasCorpus.ShippedDocuments,
            Stop = context.Cancel,
            Started = trainer => context.Remark?.Invoke(
                $"{trainer.Steps} steps, {trainer.Step} done; beside the weights {trainer.Plan}"),
            Progress = at =>
            {
                trained = true;
                Report(context, at);
            },
        });
        if (result.Complete && !trained)
            context.Remark?.Invoke("complete already; nothing was trained");
        AtlasEvaluation? atlas = result.Complete && config.Data.AtlasSeed is { } corpus
            ? Evaluate(device, options.Out, corpus) : null;
        return new TrainResult(result.Complete, result.Step, result.Tokens, result.Loss,
            result.Elapsed.TotalSeconds, atlas is null ? null : AtlasAnswers.Of(atlas))
        {
            Evaluation = atlas,
        };
    }

    // Cancellation ends the run with a checkpoint, so JobContext.Report, which throws, is not used here.
    static void Report(JobContext context, TrainingProgress at)
    {
        context.Progress?.Invoke(new JobProgress("training", (double)at.Last.Step / at.Steps,
            $"loss {at.Last.Loss:0.000}, {at.TokensPerSecond:0} tokens/s, "
            + $"{at.TimeLeft:hh\\:mm\\:ss} left"));
        if (context.Progress is null && (at.Last.Step % RemarkEvery == 0 || at.Last.Step == at.Steps))
            context.Remark?.Invoke($"step {at.Last.Step} of {at.Steps}: loss {at.Last.Loss:0.0000}, "
                + $"{at.TokensPerSecond:0} tokens/s, {at.TimeLeft:hh\\:mm\\:ss} left");
    }

    static AtlasEvaluation Evaluate(ComputeDevice device, string folder, ulong seed)
    {
        using LanguageModel model = LanguageModel.Load(device, folder);
        return AtlasEvaluation.Run(model, ByteBpeTokenizer.Load(folder),
            new AtlasCorpus(AtlasFacts.Shipped, seed));
    }
}
