using System.Diagnostics;
using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How a run is carried out; nothing here changes its result.</summary>
public sealed record TrainingRunOptions
{
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
/// <param name="Complete">False if it was stopped; the same call goes on.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Tokens">Tokens whose loss counted.</param>
/// <param name="Loss">The last step's; null if there was none.</param>
/// <param name="Elapsed">Since it was started or resumed.</param>
public sealed record TrainingResult(bool Complete, int Step, long Tokens, double? Loss, TimeSpan Elapsed);

/// <summary>
/// A training run in a <see cref="RunFolder"/>: <c>metrics.jsonl</c> (a line a step),
/// <c>checkpoint.safetensors</c>, and at the end the model with its tokenizer, <c>train.json</c> and
/// <c>manifest.json</c>.
/// </summary>
public static class TrainingRun
{
    /// <summary>The checkpoint's name in the folder.</summary>
    public const string CheckpointFile = RunFolder.CheckpointFile;

    /// <summary>The metrics' name in the folder.</summary>
    public const string MetricsFile = RunFolder.MetricsFile;

    // How often a run is saved does not change its bits.
    static readonly string[] s_free = ["checkpoint_every"];

    static readonly JsonSerializerOptions s_rowFormat = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    sealed record MetricsRow(int Step, long Tokens, double Loss);

    /// <summary>Trains to the end, or until it is stopped. The same call goes on where it stopped, to the
    /// same bits.</summary>
    /// <exception cref="UserException">Config, texts, checkpoint or folder are not usable, the folder belongs
    /// to another call, the job does not fit the device, or the loss is no longer a number.</exception>
    public static TrainingResult Run(
        ComputeDevice device, TrainingConfig config, string folder, TrainingRunOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validated();
        options ??= new TrainingRunOptions();
        Manifest call = Call(config, folder);
        using RunFolder run = RunFolder.Open(folder, call, free: s_free, results: ModelFolder.Results);
        TrainingTexts texts = TrainingTexts.Load(config, options.Atlas);
        call = call with { DataHash = texts.Train.Hash };
        run.Require(call);
        bool already = run.IsComplete(call);
        if (already && !run.HasCheckpoint && LastRow(run) is { } end)
            return new TrainingResult(true, end.Step, end.Tokens, end.Loss, TimeSpan.Zero);
        using LanguageModel model = MakeModel(device, config, texts);
        using var trainer = new Trainer(model, config, texts.Train);
        if (run.HasCheckpoint)
            TrainingCheckpoint.Restore(run.Checkpoint, trainer);
        run.Start(call);
        var watch = Stopwatch.StartNew();
        double? before = LastRow(run, trainer.Step)?.Loss;
        using JsonlWriter metrics = run.Rows(MetricsFile, trainer.Step);
        options.Started?.Invoke(trainer);
        double? loss = Steps(trainer, texts, run, metrics, options, watch) ?? before;
        bool complete = trainer.Step == trainer.Steps;
        if (!already)
            run.Save(metrics, path => TrainingCheckpoint.Save(path, trainer));
        if (complete && !already)
        {
            Publish(trainer, texts, folder, options.Command);
            run.Finish();
        }
        return new TrainingResult(complete, trainer.Step, trainer.Tokens, loss, watch.Elapsed);
    }

    // What the folder belongs to. The data's hash follows when the texts are read.
    static Manifest Call(TrainingConfig config, string folder) => new()
    {
        Command = "train",
        Options = config.ToJson(),
        Seed = config.Seed,
        // A model that is trained further in its own folder is another one at the end.
        ModelHash = config.Model.From is { } from && Path.GetFullPath(from) != Path.GetFullPath(folder)
            ? ModelFolder.Hash(from) : null,
    };

    // The last of the first rows; null if there is none, or it is not of a training.
    static MetricsRow? LastRow(RunFolder run, int most = int.MaxValue)
    {
        string path = run.At(MetricsFile);
        try
        {
            return File.Exists(path) && File.ReadLines(path).Take(most).LastOrDefault() is { } line
                ? JsonSerializer.Deserialize<MetricsRow>(line, s_rowFormat) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    static double? Steps(Trainer trainer, TrainingTexts texts, RunFolder run, JsonlWriter metrics,
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
                run.Save(metrics, path => TrainingCheckpoint.Save(path, trainer));
        }
        return loss;
    }

    static LanguageModel MakeModel(ComputeDevice device, TrainingConfig config, TrainingTexts texts)
    {
        ByteBpeTokenizer tokenizer = texts.Tokenizer;
        ModelConfig sizes = config.Model.From is { } from ? ModelFolder.ReadConfig(from)
            : config.Model.Sizes! with
        {
            VocabSize = tokenizer.VocabSize, BosToken = tokenizer.EndOfText, EosToken = tokenizer.EndOfText,
        };
        texts.Train.RequireIds(sizes.VocabSize);
        texts.Validation?.RequireIds(sizes.VocabSize);
        // Before the weights are there: the sum is refused as one, with its parts.
        var parameters = new ParameterLayout(sizes.Validated());
        Trainer.MakePlan(device, parameters, config, Trainer.Trained(parameters, config))
            .Add("weights", parameters.TotalLength).Require("a smaller model or fewer parameters in train");
        if (config.Model.From is { } folder)
            return LanguageModel.Load(device, folder);
        var model = new LanguageModel(device, sizes) { RequiresFinite = true };
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
