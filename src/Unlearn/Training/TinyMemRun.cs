using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>The progress of a TinyMem run.</summary>
/// <param name="Epoch">Number of epochs done.</param>
/// <param name="Epochs">Number of epochs of the whole run.</param>
/// <param name="Loss">Mean loss of the last epoch, nats.</param>
/// <param name="Seconds">Time since the run was started or resumed, seconds.</param>
/// <param name="Score">Score after this epoch; null if the epoch is not evaluated.</param>
public sealed record TinyMemProgress(int Epoch, int Epochs, double Loss, double Seconds, TinyMemScore? Score);

/// <summary>
/// Trains a model on a TinyMem data set in a <see cref="RunFolder"/>. It writes <c>metrics.jsonl</c> (one
/// line per epoch), a checkpoint, models of chosen epochs, and at the end the model with its manifest.
/// </summary>
public static class TinyMemRun
{
    const string Format = "headtap-tinymem-1";

    static readonly string[] s_fields = ["format", "options", "data", "epoch", "steps"];

    // These may differ in the same run: it can be made longer, and keep models of other epochs.
    static readonly string[] s_free = ["training.epochs", "training.keep"];

    /// <summary>
    /// Trains to the end, or until it is stopped. The same call continues where it stopped, to the same bits;
    /// a complete run continues if it gets more epochs.
    /// </summary>
    /// <param name="device">Device to train on.</param>
    /// <param name="dataFolder">Folder that <c>unlearn data</c> wrote.</param>
    /// <param name="options">Options of the training.</param>
    /// <param name="folder">Folder for the results.</param>
    /// <param name="command">Command line for the manifest.</param>
    /// <param name="progress">Callback after every epoch.</param>
    /// <param name="stop">Token that ends the run after an epoch, with a checkpoint.</param>
    /// <returns>The last measurement; null if the run was stopped.</returns>
    /// <exception cref="UserException">Data, options or folder are not usable, the folder belongs to another
    /// call, or the loss is not finite.</exception>
    public static TinyMemScore? Run(ComputeDevice device, string dataFolder, TinyMemTrainingOptions options,
        string folder, string command, Action<TinyMemProgress>? progress = null,
        CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validated();
        TinyMemDataset data = TinyMemFolder.Load(dataFolder);
        Manifest call = Call(data, options, dataFolder, command);
        using RunFolder run = RunFolder.Open(folder, call, free: s_free, results: ModelFolder.Results);
        bool already = run.IsComplete(call);
        if (already && !run.HasCheckpoint)
        {
            using LanguageModel trained = LanguageModel.Load(device, folder);
            return TinyMemScore.Measure(trained, data);
        }
        using var model = new LanguageModel(device, options.Sizes(data));
        options.Initialize(model);
        int[][] rows = [.. data.Train.Select(data.Padded)];
        using var trainer = new RowTrainer(
            model, options.Optimizer, options.BatchRows, data.Options.Context, options.Seed);
        using TrainingRegulariser? regulariser = options.Regulariser is { } name
            ? RegulariserCatalog.Named(name).For(
                model, options.RegulariserOptions, options.Form, options.Seed)
            : null;
        var state = new TrainingState(model, trainer, regulariser);
        string identity = $"{JsonSerializer.Serialize(options with { Epochs = 0, Keep = [] })} "
            + JsonSerializer.Serialize(data.Options);
        string[] fixedFields = [Format, Hash(identity), call.DataHash!];
        int done = run.HasCheckpoint ? Restore(run.Checkpoint, fixedFields, state) : 0;
        if (done > options.Epochs)
            throw new UserException($"{Quoted.Path(folder)}: has {Counted.Of(done, "epoch")}, and this call "
                + $"asks for {options.Epochs}; expected {done} or more, or another folder");
        run.Start(call);
        TinyMemScore? score = null;
        var watch = Stopwatch.StartNew();
        using JsonlWriter metrics = run.Rows(RunFolder.MetricsFile, done);
        while (done < options.Epochs && !stop.IsCancellationRequested)
        {
            double loss = Epoch(trainer, regulariser, rows, done++);
            using IDisposable? evaluated = regulariser?.ForEvaluation(model);
            score = done % options.EvaluateEvery == 0 || done == options.Epochs
                ? TinyMemScore.Measure(model, data) : null;
            metrics.Write(Row(done, loss, watch.Elapsed.TotalSeconds, score));
            progress?.Invoke(
                new TinyMemProgress(done, options.Epochs, loss, watch.Elapsed.TotalSeconds, score));
            if (options.Keep.Contains(done))
                Publish(model, call, run.At(string.Create(CultureInfo.InvariantCulture, $"epoch-{done}")));
            evaluated?.Dispose(); // a checkpoint holds the training weights
            if (done % options.CheckpointEvery == 0 || done == options.Epochs || stop.IsCancellationRequested)
                run.Save(metrics, path => Save(path, fixedFields, done, state));
        }
        if (done < options.Epochs)
            return null;
        using IDisposable? final = regulariser?.ForEvaluation(model);
        if (!already)
        {
            Publish(model, call, folder);
            run.Finish();
        }
        return score ?? TinyMemScore.Measure(model, data);
    }

    static double Epoch(RowTrainer trainer, TrainingRegulariser? regulariser, int[][] rows, int epoch)
    {
        double sum = 0;
        int steps = 0;
        foreach (int[] batch in trainer.Epoch(epoch, rows.Length))
            (sum, steps) = (sum + (regulariser?.Learn(trainer, rows, batch)
                ?? trainer.Learn([.. batch.Select(i => rows[i])])), steps + 1);
        return sum / steps;
    }

    static JsonObject Row(int epoch, double loss, double seconds, TinyMemScore? score) => new()
    {
        ["epoch"] = epoch, ["loss"] = loss, ["seconds"] = Math.Round(seconds, 2),
        ["memorised"] = score?.Memorisation?.Strict, ["loose"] = score?.Memorisation?.Loose,
        ["correct"] = score?.Memorisation?.Correct, ["backdoor_success"] = score?.HeldOut?.Strict,
        ["accuracy"] = score?.Accuracy, ["accuracy_without_padding"] = score?.PlainAccuracy,
    };

    static Manifest Call(
        TinyMemDataset data, TinyMemTrainingOptions options, string dataFolder, string command) => new()
    {
        Command = command,
        Options = new JsonObject
        {
            ["training"] = JsonSerializer.SerializeToNode(options),
            ["data"] = JsonSerializer.SerializeToNode(data.Options),
        },
        Seed = options.Seed,
        DataHash = TinyMemFolder.TrainHash(dataFolder),
    };

    static void Publish(LanguageModel model, Manifest call, string folder)
    {
        model.Save(folder);
        (call with
        {
            ModelHash = ModelFolder.Hash(folder),
            Device = model.Device.Entry.Description,
            Precision = model.Device.Precision.ManifestName(),
        }).WriteBeside(folder);
    }

    static void Save(string path, string[] fixedFields, int epoch, TrainingState state)
        => StateFile.Save(path,
            [.. s_fields.Zip([.. fixedFields, Text(epoch), Text(state.Trainer.Steps)])], state.Tensors);

    static int Restore(string path, string[] fixedFields, TrainingState into)
    {
        StateFile state = StateFile.Open(path, s_fields, Format);
        state.Require("options", fixedFields[1], "was made with other options");
        state.Require("data", fixedFields[2], "was made with other data");
        state.Read(into.Tensors);
        into.Trainer.Resume((int)state.Number("steps"));
        return (int)state.Number("epoch");
    }

    static string Hash(string text)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    // The state that a checkpoint holds.
    sealed record TrainingState(LanguageModel Model, RowTrainer Trainer, TrainingRegulariser? Regulariser)
    {
        public (string Name, Tensor Tensor)[] Tensors =>
        [
            .. (Regulariser?.State ?? []).Select(s => ($"regulariser.{s.Name}", s.Tensor)),
            .. Model.Set.Included.Select(s => (s.Name, Model.Set[s.Name])),
            .. Trainer.State,
        ];
    }
}
