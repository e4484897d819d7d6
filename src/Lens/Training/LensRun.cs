using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Callbacks and stop signal of a run; they do not change its result.</summary>
public sealed record LensRunOptions
{
    /// <summary>Callback that gets the plan of groups and memory once, before training.</summary>
    public Action<LensPlan>? Planned { get; init; }

    /// <summary>Callback that gets the progress after each step.</summary>
    public Action<LensProgress>? Progress { get; init; }

    /// <summary>Stops the run after the current step and saves a checkpoint.</summary>
    public CancellationToken Stop { get; init; }
}

/// <summary>Progress of a run after a step.</summary>
/// <param name="Group">Index of the group of layers, from 0.</param>
/// <param name="Groups">Number of groups.</param>
/// <param name="Layers">Layers of the group.</param>
/// <param name="Last">Result of the last step.</param>
/// <param name="Steps">Number of steps of each group.</param>
/// <param name="TimeLeft">Estimated time left for the group, at the speed so far.</param>
/// <param name="ValidationKl">[layers of the group]: validation KL, nats; null in steps without an
/// evaluation.</param>
public sealed record LensProgress(int Group, int Groups, IReadOnlyList<int> Layers, LensStep Last, int Steps,
    TimeSpan TimeLeft, IReadOnlyList<double>? ValidationKl);

/// <summary>Result of a run.</summary>
/// <param name="Complete">Whether training is complete; if not, the same call continues it.</param>
/// <param name="Facts">Metadata of the lens in the folder; null if no lens has been written yet.</param>
/// <param name="Elapsed">Time since this call started training.</param>
public sealed record LensRunResult(bool Complete, LensMetadata? Facts, TimeSpan Elapsed);

/// <summary>
/// Trains lenses in a <see cref="RunFolder"/>. <c>lens.safetensors</c> and <c>lens.json</c> always hold each
/// layer's best lens so far, <c>metrics.jsonl</c> has one line per step, and <c>checkpoint.safetensors</c>
/// exists until training is complete. Layers that do not fit the device together are trained in groups.
/// </summary>
public sealed class LensRun
{
    /// <summary>Name of the checkpoint file.</summary>
    public const string CheckpointFile = RunFolder.CheckpointFile;

    /// <summary>Name of the metrics file.</summary>
    public const string MetricsFile = RunFolder.MetricsFile;

    static readonly string[] s_progress = [CheckpointFile, MetricsFile, LensFolder.WeightsFile];

    internal const long UnigramTokens = 1_000_000;
    const int FewestDocuments = 20;

    readonly LanguageModel _model;
    readonly string _modelHash, _folder;
    readonly LensOptions _lens;
    readonly LensTrainingOptions _options;
    readonly LensRunOptions _run;
    readonly DocumentSource _train;
    readonly DocumentSource? _validation;
    readonly LensPlan _plan;
    readonly LensCall _call;
    readonly Stopwatch _watch = new();
    LensMetadata? _facts;

    LensRun(LanguageModel model, string modelHash, LensOptions lens, IReadOnlyList<int> layers,
        LensTrainingOptions options, DocumentSource texts, string folder, LensRunOptions run)
    {
        (_model, _modelHash, _lens, _folder, _run) = (model, modelHash, lens, folder, run);
        _options = options.Validated(model.Config);
        _options.RequireFits(lens, model.Config);
        double share = options.ValidationShare ?? (texts.Count >= FewestDocuments ? 0.05 : 0);
        (_train, _validation) = share > 0 ? texts.Split(share, options.Seed) : (texts, null);
        _plan = LensPlan.Make(model, lens, layers, options);
        _call = new LensCall(lens, _options, modelHash, _train.Hash);
    }

    /// <summary>
    /// Trains until complete or stopped. The same call continues a stopped run and gives the same bits; with
    /// other layers it trains those that the folder does not have.
    /// </summary>
    /// <param name="model">The model; its weights are not changed.</param>
    /// <param name="modelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
    /// <param name="lens">Kind, rank and initial values of the lenses.</param>
    /// <param name="layers">Layers to train, ascending.</param>
    /// <param name="options">Options of the training.</param>
    /// <param name="texts">Texts for training and validation.</param>
    /// <param name="folder">Folder for the lenses.</param>
    /// <param name="run">Callbacks and stop signal; null for none.</param>
    /// <exception cref="UserException">Options, texts, checkpoint or folder are not usable, the folder
    /// belongs to another call, not even one layer fits the device, or a loss is not finite.</exception>
    public static LensRunResult Run(LanguageModel model, string modelHash, LensOptions lens,
        IReadOnlyList<int> layers, LensTrainingOptions options, DocumentSource texts, string folder,
        LensRunOptions? run = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(texts);
        return new LensRun(model, modelHash, lens, layers, options, texts, folder,
            run ?? new LensRunOptions()).Train();
    }

    LensRunResult Train()
    {
        using RunFolder folder = RunFolder.Open(_folder, _call.Manifest, progress: s_progress,
            because: new Dictionary<string, string>
            {
                [RunFolder.DataHash] = $"the texts here are those of {_train.Origin}",
            });
        _facts = _call.ReadFacts(folder);
        _run.Planned?.Invoke(_plan);
        _watch.Start();
        bool complete = true;
        for (int group = 0; group < _plan.Groups.Count && complete; group++)
            if (!_plan.Groups[group].All(IsComplete))
                complete = TrainGroup(group, folder);
        if (complete)
            folder.Start(_call.Manifest);
        // A kill may have left the checkpoint of a group that is complete.
        if (complete && folder.HasCheckpoint && LensCheckpoint.LayersOf(folder.Checkpoint).All(IsComplete))
            File.Delete(folder.Checkpoint);
        return new LensRunResult(complete, _facts, _watch.Elapsed);
    }

    bool IsComplete(int layer)
    {
        int index = _facts?.Layers.ToList().IndexOf(layer) ?? -1;
        return index >= 0 && _facts!.Complete[index];
    }

    bool TrainGroup(int group, RunFolder folder)
    {
        IReadOnlyList<int> layers = _plan.Groups[group];
        int positions = _options.PositionsAtOnce(_model.Config);
        using LensSet lens = LensSet.Initial(_model, _lens, layers, positions);
        var rows = new RowOptions(_options.TokensAtOnce(_model.Config), _options.Bos);
        using var trainer = new LensTrainer(lens, _options,
            new DocumentRows(_train, _model.Config, rows, _options.Seed));
        var progress = new LensGroupProgress(trainer, _options);
        long? metricsRows = null;
        if (folder.HasCheckpoint)
            metricsRows = LensCheckpoint.Restore(folder.Checkpoint, _call.Hash(), trainer, progress);
        int firstStep = trainer.Step;
        TimeSpan began = _watch.Elapsed;
        bool HasNext() => trainer.Step < _options.Steps && !progress.AllDone
            && !_run.Stop.IsCancellationRequested;
        // The first step may refuse a text, and a call that was refused leaves nothing in the folder.
        LensStep? next = HasNext() ? trainer.Next() : null;
        folder.Start(_call.Manifest);
        using JsonlWriter metrics = folder.Rows(MetricsFile, metricsRows ?? RowsOfCompleteLayers());
        for (; next is { } step; next = HasNext() ? trainer.Next() : null)
        {
            bool evaluate = _validation is not null
                && (step.Step % _options.EvaluateEvery == 0 || step.Step == _options.Steps);
            IReadOnlyList<double>? kl = evaluate ? Evaluate(trainer, rows) : null;
            metrics.Write(new
            {
                Layers = layers, step.Step, step.LearningRate, step.Positions,
                Kl = step.Losses.Select(l => double.IsNaN(l) ? null : (double?)l), ValidationKl = kl,
            });
            if (kl is not null && progress.Take(kl, step.Step) is { Count: > 0 } better)
                Save(lens, progress, better, complete: false);
            if (_options.CheckpointEvery > 0 && step.Step % _options.CheckpointEvery == 0
                && step.Step < _options.Steps)
                SaveCheckpoint(folder, trainer, progress, metrics);
            TimeSpan each = (_watch.Elapsed - began) / (step.Step - firstStep);
            _run.Progress?.Invoke(new LensProgress(group, _plan.Groups.Count, layers, step, _options.Steps,
                each * (_options.Steps - step.Step), kl));
        }
        bool complete = trainer.Step >= _options.Steps || progress.AllDone;
        // Without a step no evaluation came yet; the lens as it begins has one too.
        IReadOnlySet<int> unseen = _options.Steps == 0 && _validation is not null
            ? progress.Take(Evaluate(trainer, rows), 0) : progress.WithoutEvaluation(layers);
        Save(lens, progress, unseen, complete, !complete || _validation is null ? null
            : trainer.EvaluateLogitLens(Validation(rows), _options.ValidationRows));
        if (complete)
            File.Delete(folder.Checkpoint);
        else
            SaveCheckpoint(folder, trainer, progress, metrics);
        return complete;
    }

    void SaveCheckpoint(
        RunFolder folder, LensTrainer trainer, LensGroupProgress progress, JsonlWriter metrics)
        => folder.Save(metrics, path =>
            LensCheckpoint.Save(path, _call.Hash(), trainer, progress, metrics.Rows));

    // A killed run may leave metrics of a group that has no checkpoint. These rows are cut off, because the
    // group begins again.
    long RowsOfCompleteLayers()
    {
        string path = Path.Combine(_folder, MetricsFile);
        return File.Exists(path) ? File.ReadLines(path).TakeWhile(IsOfCompleteLayers).LongCount() : 0;
    }

    bool IsOfCompleteLayers(string row)
    {
        try
        {
            return JsonNode.Parse(row)?["layers"]?[0] is { } layer && IsComplete((int)layer);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return false; // cut short by a kill
        }
    }

    IReadOnlyList<double> Evaluate(LensTrainer trainer, RowOptions rows)
        => trainer.Evaluate(Validation(rows), _options.ValidationRows);

    DocumentRows Validation(RowOptions rows) => new(_validation!, _model.Config, rows, _options.Seed);

    void Save(LensSet lens, LensGroupProgress progress, IReadOnlySet<int> fresh, bool complete,
        IReadOnlyList<double>? logitLens = null)
    {
        List<int> layers = [.. (_facts?.Layers ?? []).Union(lens.Layers).Order()];
        T Of<T>(int layer, Func<int, T> fromGroup, Func<LensMetadata, int, T> fromFile)
        {
            int here = lens.Layers.ToList().IndexOf(layer);
            return here >= 0 ? fromGroup(here) : fromFile(_facts!, _facts!.Layers.ToList().IndexOf(layer));
        }
        bool first = _facts is null;
        _facts = LensMetadata.Of(lens, _modelHash) with
        {
            Layers = layers,
            Steps = [.. layers.Select(l => Of(l, i => progress.BestStep[i], (f, i) => f.Steps[i]))],
            Complete = [.. layers.Select(l => Of(l, _ => complete, (f, i) => f.Complete[i]))],
            ValidationKl = _validation is null ? null
                : [.. layers.Select(l => Of(l, i => progress.Best(i), (f, i) => f.ValidationKl?[i]))],
            LogitLensKl = _validation is null ? null
                : [.. layers.Select(l => Of(l, i => logitLens?[i], (f, i) => f.LogitLensKl?[i]))],
            Training = _call.Training(_model.Device),
        };
        LensFolder.Save(_folder, _facts, lens, first ? lens.Layers.ToHashSet() : fresh,
            first ? _train.TokenCounts(_model.Config.VocabSize, UnigramTokens) : null);
    }
}
