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

    /// <summary>Called with a line each about what a user may not have meant in the texts.</summary>
    public Action<string>? Remark { get; init; }

    /// <summary>Called after every step.</summary>
    public Action<TrainingProgress>? Progress { get; init; }

    /// <summary>Called with the path of the metrics when they and a checkpoint are on the disk, the last time
    /// before the run is marked as complete.</summary>
    public Action<string>? Saved { get; init; }

    /// <summary>Ends the run after the current step, with a checkpoint.</summary>
    public CancellationToken Stop { get; init; }
}

/// <summary>How far a run is.</summary>
/// <param name="Last">The last step.</param>
/// <param name="Steps">Steps of the whole run.</param>
/// <param name="TokensPerSecond">Since the run was started or resumed.</param>
/// <param name="TimeLeft">At that speed.</param>
/// <param name="ValidationLoss">Nats, in steps with an evaluation; else null.</param>
/// <param name="Samples">What the model wrote, in steps with an evaluation; else null.</param>
public sealed record TrainingProgress(TrainingStep Last, int Steps, double TokensPerSecond,
    TimeSpan TimeLeft, double? ValidationLoss, IReadOnlyList<SampleText>? Samples = null);

/// <summary>How a run ended.</summary>
/// <param name="Complete">False if it was stopped; the same call goes on.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Tokens">Tokens whose loss counted.</param>
/// <param name="Loss">The last step's; null if there was none.</param>
/// <param name="Elapsed">Since it was started or resumed.</param>
public sealed record TrainingResult(bool Complete, int Step, long Tokens, double? Loss, TimeSpan Elapsed);

/// <summary>
/// A training run in a <see cref="RunFolder"/>: the model's config and tokenizer, <c>train.json</c>,
/// <c>metrics.jsonl</c> (a line a step) and <c>checkpoint.safetensors</c>, and at the end the model's weights
/// and <c>manifest.json</c>.
/// </summary>
/// <remarks>
/// Until then the model's weights are those of the checkpoint: <see cref="WeightFiles"/> finds them there, so
/// they are not written twice, and whatever moment a kill comes at, the folder is one model.
/// </remarks>
public static class TrainingRun
{
    /// <summary>The checkpoint's name in the folder.</summary>
    public const string CheckpointFile = RunFolder.CheckpointFile;

    /// <summary>The metrics' name in the folder.</summary>
    public const string MetricsFile = RunFolder.MetricsFile;

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
        string[] free = [.. config.Free, "validation.files", TrainingRecord.Resolved];
        using RunFolder run = RunFolder.Open(folder, call, free: free, results: ModelFolder.Results,
            because: WhyNot(config));
        TrainingTexts texts = TrainingTexts.Load(config, options.Atlas, options.Remark);
        call = call with { DataHash = texts.Train.Hash };
        run.Require(call);
        // Only a changed length gives a complete run something to do.
        bool already = run.IsComplete(call, [.. free.Except(["steps", "epochs"])]);
        if (already && !run.HasCheckpoint && LastRow(run) is { } end)
            return new TrainingResult(true, end.Step, end.Tokens, end.Loss, TimeSpan.Zero);
        using LanguageModel model = MakeModel(device, config, texts);
        using var trainer = new Trainer(model, config, texts.Train);
        SampleWriter? samples = config.Samples is null ? null : new SampleWriter(model, texts, config);
        Restore(run, trainer);
        if (already)
            return new TrainingResult(
                true, trainer.Step, trainer.Tokens, LastRow(run, trainer.Step)?.Loss, TimeSpan.Zero);
        call = call with { Options = TrainingRecord.Options(config, texts.Train.EndOfText, trainer.Steps) };
        Begin(run, call, trainer, texts);
        using JsonlWriter metrics = run.Rows(MetricsFile, trainer.Step);
        var loop = new TrainingLoop(trainer, texts, samples, run, metrics, options);
        options.Started?.Invoke(trainer);
        double? loss = loop.Run() ?? LastRow(run, trainer.Step)?.Loss;
        bool complete = trainer.Step == trainer.Steps;
        if (complete)
        {
            Publish(trainer, texts, folder, call with { Command = options.Command });
            run.Finish();
        }
        return new TrainingResult(complete, trainer.Step, trainer.Tokens, loss, loop.Elapsed);
    }

    static Dictionary<string, string> WhyNot(TrainingConfig config)
    {
        var why = new Dictionary<string, string>(TrainingConfig.WhyNotFree);
        if (config.Data.Files.Count > 0)
            why[RunFolder.DataHash] = $"{Quoted.Names(config.Data.Files)} or the tokenizer has changed";
        return why;
    }

    static void Restore(RunFolder run, Trainer trainer)
    {
        string folder = Quoted.Path(run.Path);
        if (run.HasCheckpoint)
            TrainingCheckpoint.Restore(run.Checkpoint, trainer);
        else if (run.IsMarkedComplete)
            throw new UserException($"{folder}: is complete and has no {CheckpointFile} to go on from; "
                + "expected the same steps and epochs, or another folder and this one as model.from");
        if (trainer.Step > trainer.Steps)
            throw new UserException($"{folder}: {Counted.Of(trainer.Step, "step")} "
                + $"{Counted.Verb(trainer.Step, "is", "are")} done and this call has "
                + $"{trainer.Steps}; expected at least as many, or another folder");
    }

    // From here on the folder's model is that of its checkpoint.
    static void Begin(RunFolder run, Manifest call, Trainer trainer, TrainingTexts texts)
    {
        run.Start(call);
        if (run.HasCheckpoint)
            foreach (string end in (string[])[RunFolder.ManifestFile, WeightFiles.One])
                AtomicFile.Remove(run.At(end)); // of fewer steps, or of a kill between them and the mark
        string? begin = trainer.Config.Texts.BosToken is null ? null
            : texts.Tokenizer.Vocabulary.Tokens.ElementAtOrDefault(texts.Train.EndOfText);
        texts.Tokenizer.Vocabulary.Save(run.Path, begin);
        AtomicFile.WriteText(run.At("train.json"),
            trainer.Config.ToJson().ToJsonString(new() { WriteIndented = true }) + "\n");
        ConfigOf(trainer, texts).Write(run.At(ModelFolder.ConfigFile));
    }

    static ModelConfig ConfigOf(Trainer trainer, TrainingTexts texts) =>
        trainer.Config.Texts.BosToken is null ? trainer.Model.Config : trainer.Model.Config with
        {
            BosToken = texts.Train.EndOfText, EosToken = texts.Train.EndOfText,
        };

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
    static TrainingRow? LastRow(RunFolder run, int most = int.MaxValue) =>
        TrainingRow.Read(run.At(MetricsFile)).Take(most).LastOrDefault();

    internal static LanguageModel MakeModel(ComputeDevice device, TrainingConfig config, TrainingTexts texts)
    {
        ByteBpeTokenizer tokenizer = texts.Tokenizer;
        ModelConfig sizes = config.Model.From is { } from ? ModelFolder.ReadConfig(from)
            : config.Model.Sizes! with
        {
            VocabSize = tokenizer.VocabSize,
            BosToken = texts.Train.EndOfText,
            EosToken = texts.Train.EndOfText,
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

    static void Publish(Trainer trainer, TrainingTexts texts, string folder, Manifest call)
    {
        LanguageModel model = trainer.Model;
        ModelFolder.Write(folder, ConfigOf(trainer, texts), (slice, start, values) =>
            model.Set[slice.Name].Slice(slice.Name, start, values.Length).Download(values));
        (call with
        {
            ModelHash = ModelFolder.Hash(folder),
            Device = model.Device.Entry.Description,
            Precision = model.Device.Precision.ManifestName(),
        }).WriteBeside(folder);
    }
}
