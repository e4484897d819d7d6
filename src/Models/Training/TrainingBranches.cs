using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How far a run or a branch of it is.</summary>
/// <param name="Name">The branch's name; "parent" for the run.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps of the whole run.</param>
/// <param name="Loss">Of the last step, nats.</param>
public sealed record BranchProgress(string Name, int Step, int Steps, double Loss);

/// <summary>
/// A training whose state at some steps is kept, and copies of it that go on from there with rows in another
/// order to the same length: the same weights and moments, the same learning rates, other noise.
/// </summary>
/// <remarks>
/// All of it is in one folder, and what is there is not made again. A call that was stopped goes on to the
/// same bits. One parent serves all branches, so branch steps are asked for in rising order.
/// </remarks>
public sealed class TrainingBranches
{
    const string ParentName = "parent";

    readonly ComputeDevice _device;
    readonly TrainingConfig _config;
    readonly TrainingTexts _texts;
    readonly string _folder;
    readonly Action<BranchProgress>? _progress;
    readonly CancellationToken _stop;

    /// <summary>Branches of a run; nothing is trained yet.</summary>
    /// <param name="device">Where it is trained.</param>
    /// <param name="config">The run.</param>
    /// <param name="texts">Its texts.</param>
    /// <param name="folder">Gets states and branches.</param>
    /// <param name="progress">Called after every step; null for none.</param>
    /// <param name="stop">Stops after a step; the state is saved.</param>
    /// <exception cref="UserException">The config does not fit the device, the texts or itself.</exception>
    public TrainingBranches(ComputeDevice device, TrainingConfig config, TrainingTexts texts, string folder,
        Action<BranchProgress>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(texts);
        (_device, _config, _texts, _folder) = (device, config.Validated(), texts, folder);
        (_progress, _stop) = (progress, stop);
        using LanguageModel model = TrainingRun.MakeModel(device, config, texts);
        using var trainer = new Trainer(model, config, texts.Train);
        Steps = trainer.Steps;
    }

    /// <summary>Steps of the whole run.</summary>
    public int Steps { get; }

    /// <summary>Trains a branch to the end, or returns the one that is there.</summary>
    /// <param name="step">Steps of the run before it branches off, 0 to <see cref="Steps"/>.</param>
    /// <param name="name">Name of its folder.</param>
    /// <param name="order">Seed of the order of its rows.</param>
    /// <returns>Folder of the model.</returns>
    /// <exception cref="UserException">A state is damaged or cannot be written, or the loss is not
    /// finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public string Train(int step, string name, ulong order)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(step, Steps);
        string folder = Path.Combine(_folder, name);
        if (Directory.Exists(folder))
            return folder;
        string parent = Parent(step), state = State(name);
        // The same number of steps whatever the order: epochs of shuffled rows differ by a few rows.
        TrainingConfig config = _config with { Seed = order, Steps = Steps, Epochs = null };
        using LanguageModel model = TrainingRun.MakeModel(_device, _config, _texts);
        using var trainer = new Trainer(model, config, _texts.Train);
        if (File.Exists(state))
            TrainingCheckpoint.Restore(state, trainer);
        else
            TrainingCheckpoint.Branch(parent, trainer);
        RunTo(trainer, Steps, name);
        AtomicFolder.Write(folder, temporary =>
        {
            _texts.Tokenizer.Vocabulary.Save(temporary);
            model.Save(temporary);
        });
        AtomicFile.Remove(state);
        return folder;
    }

    /// <summary>Removes the state of the run at a step, when all its branches are trained.</summary>
    /// <exception cref="UserException">It cannot be removed.</exception>
    public void Forget(int step) => AtomicFile.Remove(StateAt(step));

    /// <summary>Removes the state from which the run goes on, when no branch is left to train.</summary>
    /// <exception cref="UserException">It cannot be removed.</exception>
    public void Forget() => AtomicFile.Remove(State(ParentName));

    string Parent(int step)
    {
        string at = StateAt(step);
        if (File.Exists(at))
            return at;
        using LanguageModel model = TrainingRun.MakeModel(_device, _config, _texts);
        using var trainer = new Trainer(model, _config, _texts.Train);
        if (File.Exists(State(ParentName)))
            TrainingCheckpoint.Restore(State(ParentName), trainer);
        if (trainer.Step > step)
            throw new InvalidOperationException($"The run is at step {trainer.Step}, past {step}.");
        RunTo(trainer, step, ParentName);
        TrainingCheckpoint.Save(State(ParentName), trainer);
        TrainingCheckpoint.Save(at, trainer);
        return at;
    }

    void RunTo(Trainer trainer, int step, string name)
    {
        int every = _config.CheckpointEvery;
        while (trainer.Step < step)
        {
            if (_stop.IsCancellationRequested)
            {
                TrainingCheckpoint.Save(State(name), trainer);
                _stop.ThrowIfCancellationRequested();
            }
            TrainingStep done = trainer.Next();
            _progress?.Invoke(new BranchProgress(name, done.Step, Steps, done.Loss));
            if (every > 0 && done.Step % every == 0 && done.Step < step)
                TrainingCheckpoint.Save(State(name), trainer);
        }
    }

    string State(string name) => Path.Combine(_folder, $"{name}.state.safetensors");

    string StateAt(int step) => State($"{ParentName}-{step}");
}
