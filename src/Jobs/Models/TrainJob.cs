using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="TrainJob"/>.</summary>
public sealed record TrainOptions
{
    /// <summary>JSON file with model, data and training options, such as weights/atlas/train.json.</summary>
    public required string Config { get; init; }

    /// <summary>Folder of the model; also gets checkpoint, metrics and the curve of the losses.</summary>
    public required string Out { get; init; }

    /// <summary>How texts are read and become tokens, where this says more than the config; null for the
    /// config alone.</summary>
    public TextRules? Rules { get; init; }

    /// <summary>Name of the command in the manifest.</summary>
    public string Command { get; init; } = "train";
}

/// <summary>The end of a training.</summary>
/// <param name="Complete">Whether the training is complete; a stopped one can be continued.</param>
/// <param name="Step">Number of steps done.</param>
/// <param name="Tokens">Number of tokens whose loss counted.</param>
/// <param name="Loss">Loss of the last step, nats; null without a step.</param>
/// <param name="Seconds">Time since the training was started or continued, seconds.</param>
/// <param name="Atlas">Scores on the atlas's questions; null if the model was not trained on the
/// atlas.</param>
public sealed record TrainResult(bool Complete, int Step, long Tokens, double? Loss, double Seconds,
    IReadOnlyList<AtlasAnswers>? Atlas)
{
    /// <summary>
    /// The evaluation, which can also print a text table; null if <see cref="Atlas"/> is null.
    /// </summary>
    [JsonIgnore]
    public AtlasEvaluation? Evaluation { get; init; }
}

/// <summary>Trains a model as a config file says. The context's seed replaces the config's.</summary>
public static class TrainJob
{
    const int RemarkEvery = 50; // steps

    /// <summary>Runs the job. A cancelled job saves a checkpoint and returns.</summary>
    /// <exception cref="UserException">Config, texts, checkpoint or folder are not usable, the job does not
    /// fit the device, or the loss is no longer finite.</exception>
    public static TrainResult Run(TrainOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        TrainingConfig config = TrainingConfig.Read(options.Config);
        if (context.GivenSeed is { } given)
            config = config with { Seed = given };
        if (options.Rules is { } rules)
            config = (config with { Texts = With(config.Texts, rules) }).Validated(options.Config);
        AtomicFile.RequireWritable(Path.Combine(options.Out, TrainingRun.MetricsFile));
        using ComputeDevice device = context.OpenDevice();
        if (config.Model.From is { } from)
        {
            if (config.RowProblem(ModelFolder.ReadConfig(from)) is { } wrong)
                throw new UserException($"{Quoted.Path(options.Config)}: {wrong}.");
            LoadedModel.RemarkOn(context, from);
        }
        foreach (string file in config.Data.Files.Concat(config.Validation?.Files ?? []))
            if (RowsByAnotherName.Remark(file) is { } line)
                context.Say(line);
        bool trained = false;
        TrainingResult result = TrainingRun.Run(device, config, options.Out, new TrainingRunOptions
        {
            Command = options.Command,
            Atlas = AtlasCorpus.ShippedDocuments,
            Stop = context.Cancel,
            Remark = context.Say,
            Saved = LossCurve.Write,
            Started = trainer => context.Remark?.Invoke(
                $"{Counted.Of(trainer.Steps, "step")}, {trainer.Step} done; beside the weights "
                    + $"{trainer.Plan}"),
            Progress = at =>
            {
                trained = true;
                Report(context, at);
            },
        });
        if (result.Complete && !trained)
            context.Remark?.Invoke("complete already; nothing was trained");
        AtlasEvaluation? atlas = result.Complete && config.Data.AtlasSeed is { } corpus
            ? Evaluate(device, options.Out, corpus, context) : null;
        return new TrainResult(result.Complete, result.Step, result.Tokens, result.Loss,
            result.Elapsed.TotalSeconds, atlas is null ? null : AtlasAnswers.Of(atlas))
        {
            Evaluation = atlas,
        };
    }

    static TrainingTextRules With(TrainingTextRules texts, TextRules rules) => texts with
    {
        Fields = rules.Fields ?? texts.Fields,
        Lines = texts.Lines || rules.Lines,
        Special = texts.Special || rules.Special,
        Bos = texts.Bos || rules.Bos || rules.BosToken is not null,
        BosToken = rules.BosToken ?? texts.BosToken,
    };

    // JobContext.Report throws on cancellation, and the run must write its checkpoint first, so this does not
    // use it.
    static void Report(JobContext context, TrainingProgress at)
    {
        context.Progress?.Invoke(new JobProgress("training", (double)at.Last.Step / at.Steps,
            $"loss {at.Last.Loss:0.000}, {at.TokensPerSecond:0} tokens/s, "
            + $"{at.TimeLeft:hh\\:mm\\:ss} left"));
        if (context.Progress is null && (at.Last.Step % RemarkEvery == 0 || at.Last.Step == at.Steps))
            context.Remark?.Invoke($"step {at.Last.Step} of {at.Steps}: loss {at.Last.Loss:0.0000}, "
                + $"{at.TokensPerSecond:0} tokens/s, {at.TimeLeft:hh\\:mm\\:ss} left");
        if (at.ValidationLoss is { } loss)
            context.Remark?.Invoke($"step {at.Last.Step} of {at.Steps}: validation loss {loss:0.0000}");
        foreach (SampleText sample in at.Samples ?? [])
            context.Remark?.Invoke($"step {at.Last.Step} of {at.Steps}: {VisibleText.Line(sample.Prompt)} | "
                + VisibleText.Line(sample.Text));
    }

    // The run is complete, whether its context holds a question or not.
    static AtlasEvaluation? Evaluate(ComputeDevice device, string folder, ulong seed, JobContext context)
    {
        using LanguageModel model = LanguageModel.Load(device, folder);
        try
        {
            return AtlasEvaluation.Run(model, ByteBpeTokenizer.Load(folder),
                new AtlasCorpus(AtlasFacts.Shipped, seed));
        }
        catch (UserException e)
        {
            context.Say($"the atlas's questions were not asked: {e.Message}");
            return null;
        }
    }
}
