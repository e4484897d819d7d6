using System.Diagnostics;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How a run is carried out; nothing here changes its result.</summary>
public sealed record TrainingRunOptions
{
    /// <summary>Continue from the folder's checkpoint.</summary>
    public bool Resume { get; init; }

    /// <summary>The command line, for the manifest.</summary>
    public string Command { get; init; } = "train";

    /// <summary>Generates the atlas documents of a seed; required where the config names one.</summary>
    public Func<ulong, IEnumerable<string>>? Atlas { get; init; }

    /// <summary>Called once, before the first step.</summary>
    public Action<Trainer>? Started { get; init; }

    /// <summary>Called after every step.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>Ends the run after the current step, with a checkpoint.</summary>
    public CancellationToken Stop { get; init; }
}

/// <summary>How far a run is.</summary>
/// <param name="Last">The last step.</param>
/// <param name="Steps">Steps of the whole run.</param>
/// <param name="TokensPerSecond">Since the run was started or resumed.</param>
/// <param name="TimeLeft">At that speed.</param>
/// <param name="ValidationLoss">Nats, in steps with an evaluation; else null.</param>
public sealed record TrainingProgress(
    TrainingStep Last, int Steps, double TokensPerSecond, TimeSpan TimeLeft, double? ValidationLoss);

/// <summary>How a run ended.</summary>
/// <param name="Complete">False if it was stopped; it can be resumed.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Tokens">Tokens whose loss counted.</param>
/// <param name="Loss">Of the last step; null if there was none.</param>
/// <param name="Elapsed">Since it was started or resumed.</param>
public sealed record TrainingResult(bool Complete, int Step, long Tokens, double? Loss, TimeSpan Elapsed);

/// <summary>
/// A training run in a folder: <c>metrics.jsonl</c> (a line a step), <c>checkpoint.safetensors</c>, and at
/// the end the model with its tokenizer, <c>train.json</c> and <c>manifest.json</c>.
/// </summary>
public static class TrainingRun
{
    /// <summary>The checkpoint's name in the folder.</summary>
    public const string CheckpointFile = "checkpoint.safetensors";

    /// <summary>The metrics' name in the folder.</summary>
    public const string MetricsFile = "metrics.jsonl";

    /// <summary>Trains to the end, or until it is stopped.</summary>
    /// <exception cref="UserException">Config, texts, checkpoint or folder are not usable, the job does not
    /// fit the device, or the loss is no longer a number.</exception>
    public static TrainingResult Run(
        ComputeDevice device, TrainingConfig config, string folder, TrainingRunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validated();
        options ??= new TrainingRunOptions();
        string checkpoint = Path.Combine(folder, CheckpointFile);
        RequireStart(checkpoint, options.Resume);
        TrainingTexts texts = TrainingTexts.Load(config, options.Atlas);
        using LanguageModel model = MakeModel(device, config, texts.Tokenizer);
        using var trainer = new Trainer(model, config, texts.Train);
        if (options.Resume)
            TrainingCheckpoint.Restore(checkpoint, trainer);
        var watch = Stopwatch.StartNew();
        using (JsonlWriter metrics = options.Resume
            ? JsonlWriter.Append(Path.Combine(folder, MetricsFile), trainer.Step)
            : JsonlWriter.Create(Path.Combine(folder, MetricsFile)))
        {
            options.Started?.Invoke(trainer);
            double? loss = Steps(trainer, texts, checkpoint, metrics, options, watch);
            bool complete = trainer.Step == trainer.Steps;
            TrainingCheckpoint.Save(checkpoint, trainer);
            if (complete)
                Publish(trainer, texts, folder, options.Command);
            return new TrainingResult(complete, trainer.Step, trainer.Tokens, loss, watch.Elapsed);
        }
    }

    static double? Steps(Trainer trainer, TrainingTexts texts, string checkpoint, JsonlWriter metrics,
        TrainingRunOptions options, Stopwatch watch)
    {
        (int firstStep, long firstTokens) = (trainer.Step, trainer.Tokens);
        TrainingConfig config = trainer.Config;
        double? loss = null;
        while (trainer.Step < trainer.Steps && !options.Stop.IsCancellationRequested)
        {
            TrainingStep step = trainer.Next();
            bool evaluate = step.Step % config.EvaluateEvery == 0 || step.Step == trainer.Steps;
            double? validation = evaluate && texts.Validation is { } held ? trainer.Evaluate(held) : null;
            double seconds = watch.Elapsed.TotalSeconds;
            double speed = (step.Tokens - firstTokens) / seconds;
            metrics.Write(new
            {
                step.Step, step.Loss, step.LearningRate, step.GradientNorm, step.Tokens,
                TokensPerSecond = Math.Round(speed, 1), ValidationLoss = validation,
            });
            double left = seconds / (step.Step - firstStep) * (trainer.Steps - step.Step);
            options.Progress?.Invoke(new TrainingProgress(
                step, trainer.Steps, speed, TimeSpan.FromSeconds(left), validation));
            loss = step.Loss;
            if (config.CheckpointEvery > 0 && step.Step % config.CheckpointEvery == 0
                && step.Step < trainer.Steps)
                TrainingCheckpoint.Save(checkpoint, trainer);
        }
        return loss;
    }

    static void RequireStart(string checkpoint, bool resume)
    {
        if (resume && !File.Exists(checkpoint))
            throw new UserException($"{Quoted.Path(checkpoint)}: no such checkpoint to resume from. "
                + "Start without --resume.");
        if (!resume && File.Exists(checkpoint))
            throw new UserException(
                $"{Quoted.Path(checkpoint)}: a run is there already. Continue it with --resume, "
                + "or choose another folder.");
    }

    static LanguageModel MakeModel(ComputeDevice device, TrainingConfig config, ByteBpeTokenizer tokenizer)
    {
        ModelConfig sizes = config.Model.From is { } from ? ModelFolder.ReadConfig(from)
            : config.Model.Sizes! with
        {
            VocabSize = tokenizer.VocabSize, BosToken = tokenizer.EndOfText, EosToken = tokenizer.EndOfText,
        };
        if (sizes.VocabSize < tokenizer.VocabSize)
            throw new UserException(
                $"the tokenizer has {tokenizer.VocabSize} tokens and the model {sizes.VocabSize}; "
                + "expected a tokenizer that belongs to the model.");
        // Before the weights are there: the sum is refused as one, with its parts.
        var parameters = new ParameterLayout(sizes.Validated());
        Trainer.MakePlan(device, parameters, config, Trainer.Trained(parameters, config))
            .Add("weights", parameters.TotalLength).Require("a smaller model or fewer parameters in train");
        if (config.Model.From is { } folder)
            return LanguageModel.Load(device, folder);
        var model = new LanguageModel(device, sizes);
        model.Initialize(config.Seed);
        return model;
    }

    static void Publish(Trainer trainer, TrainingTexts texts, string folder, string command)
    {
        texts.Tokenizer.Vocabulary.Save(folder);
        AtomicFile.WriteText(Path.Combine(folder, "train.json"),
            trainer.Config.ToJson().ToJsonString(new() { WriteIndented = true }) + "\n");
        trainer.Model.Save(folder);
        new Manifest
        {
            Command = command,
            Options = trainer.Config.ToJson(),
            Seed = trainer.Config.Seed,
            ModelHash = ModelFolder.Hash(folder),
            DataHash = trainer.DataHash,
            Device = trainer.Model.Device.Entry.Description,
            Precision = trainer.Model.Device.Precision.ManifestName(),
        }.WriteBeside(folder);
    }
}
