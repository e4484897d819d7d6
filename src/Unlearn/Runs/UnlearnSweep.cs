using System.Diagnostics;
using System.Runtime.ExceptionServices;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>Runs the cells of a plan in parallel. Each worker has its own device and model.</summary>
/// <remarks>
/// A cell's result depends on the cell alone: the model's weights are restored after each cell, ops sum in a
/// fixed order on any number of threads, and random numbers follow from the seed. So the table does not
/// depend on the number of workers, on which worker ran a cell, or on how often the sweep was killed.
/// </remarks>
/// <param name="plan">Cells to run.</param>
/// <param name="checkpoints">Folders of the models.</param>
/// <param name="data">Sequences to forget, keep and measure.</param>
/// <param name="compressions">Compressions after which every edited model is measured again; null for
/// none.</param>
public sealed class UnlearnSweep(SweepPlan plan, IReadOnlyList<string> checkpoints, UnlearnData data,
    IReadOnlyList<WeightCompression>? compressions = null)
{
    // The measures of a model before any edit, and the sequences to forget.
    sealed record Baseline(SweepMeasures Measures, IReadOnlyList<PlantedSequence> Forget);

    readonly Lock _gate = new();
    readonly Baseline?[] _baselines = new Baseline?[checkpoints.Count];
    int _next = -1;

    /// <summary>Runs all cells that a folder does not hold yet.</summary>
    /// <param name="folder">Folder that gets the rows.</param>
    /// <param name="devices">One function per worker that opens its device.</param>
    /// <param name="finished">Callback that gets the number of cells done; called from any thread.</param>
    /// <param name="cancel">Token that stops the sweep after the running cells; finished cells are
    /// kept.</param>
    /// <exception cref="UserException">A checkpoint cannot be read or measured.</exception>
    public void Run(UnlearnSweepFolder folder, IReadOnlyList<Func<ComputeDevice>> devices,
        Action<int> finished, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(devices);
        SweepJob[] open = [.. plan.Jobs.Where(job => Missing(job, folder).Any())];
        int workers = Math.Min(devices.Count, open.Length), hostThreads = ComputeDevice.HostThreadCount;
        if (workers <= 1)
        {
            if (workers == 1)
                Work(open, folder, devices[0], finished, cancel);
            return;
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Exception? failure = null;
        // Parallel cells use all cores, so each op gets one thread.
        ComputeDevice.HostThreadCount = 1;
        try
        {
            Thread[] threads = [.. devices.Take(workers).Select(device => new Thread(() =>
            {
                try
                {
                    Work(open, folder, device, finished, stop.Token);
                }
#pragma warning disable CA1031 // passed on to the caller's thread, below
                catch (Exception e)
#pragma warning restore CA1031
                {
                    Interlocked.CompareExchange(ref failure, e, null);
                    stop.Cancel();
                }
            }))];
            foreach (Thread thread in threads)
                thread.Start();
            foreach (Thread thread in threads)
                thread.Join();
        }
        finally
        {
            ComputeDevice.HostThreadCount = hostThreads;
        }
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    static IEnumerable<int> Missing(SweepJob job, UnlearnSweepFolder folder)
        => Enumerable.Range(0, job.Budgets.Count).Where(i => !folder.Has(job.FirstCell + i));

    /// <summary>Makes a worker, which has a model of its own. Workers of one sweep measure a checkpoint
    /// once; each may run in its own thread.</summary>
    /// <param name="device">Device of the worker, which must live longer.</param>
    public Worker Open(ComputeDevice device) => new(this, device);

    void Work(SweepJob[] open, UnlearnSweepFolder folder, Func<ComputeDevice> opened, Action<int> finished,
        CancellationToken cancel)
    {
        using ComputeDevice device = opened();
        using Worker worker = Open(device);
        for (int i; (i = Interlocked.Increment(ref _next)) < open.Length;)
        {
            cancel.ThrowIfCancellationRequested();
            foreach (SweepRow row in worker.Run(open[i], Missing(open[i], folder), cancel))
                folder.Add(row);
            finished(folder.Done);
        }
    }

    /// <summary>Runs jobs of a sweep one after the other.</summary>
    public sealed class Worker : IDisposable
    {
        readonly UnlearnSweep _sweep;
        readonly ComputeDevice _device;
        LanguageModel? _model;
        WeightSnapshot? _snapshot;
        int _loaded = -1;

        internal Worker(UnlearnSweep sweep, ComputeDevice device) => (_sweep, _device) = (sweep, device);

        /// <summary>Runs a job and returns the rows of its budgets, each when it is measured.</summary>
        /// <param name="job">Job of the plan.</param>
        /// <param name="cancel">Token that ends the job.</param>
        /// <exception cref="UserException">The checkpoint cannot be read or measured.</exception>
        public IEnumerable<SweepRow> Run(SweepJob job, CancellationToken cancel)
        {
            ArgumentNullException.ThrowIfNull(job);
            return Run(job, Enumerable.Range(0, job.Budgets.Count), cancel);
        }

        internal IEnumerable<SweepRow> Run(SweepJob job, IEnumerable<int> budgets, CancellationToken cancel)
        {
            if (job.Checkpoint != _loaded)
            {
                _model?.Dispose();
                (_model, _loaded) = (null, -1);
                _model = LanguageModel.Load(_device, _sweep.Checkpoint(job.Checkpoint));
                (_snapshot, _loaded) = (WeightSnapshot.Of(_model), job.Checkpoint);
            }
            return _sweep.Job(job, _model!, _snapshot!, budgets, cancel);
        }

        /// <inheritdoc/>
        public void Dispose() => _model?.Dispose();
    }

    string Checkpoint(int index) => checkpoints[index];

    IEnumerable<SweepRow> Job(SweepJob job, LanguageModel model, WeightSnapshot snapshot,
        IEnumerable<int> budgets, CancellationToken cancel)
    {
        Baseline before = BaselineOf(job.Checkpoint, model);
        var watch = Stopwatch.StartNew();
        Finding? finding = null;
        string? error = null;
        try
        {
            finding = before.Forget.Count == 0
                ? throw new UserException("the model recites none of the sequences")
                : job.Method.Find(TaskOf(job, model, before.Forget, cancel), job.Budgets[^1]);
        }
        catch (UserException e) // the row records the error, and the sweep continues
        {
            error = e.Message;
            snapshot.Restore(model);
        }
        double found = watch.Elapsed.TotalSeconds;
        foreach (int b in budgets)
        {
            cancel.ThrowIfCancellationRequested();
            SweepRow row = new(job.FirstCell + b, job.Checkpoint, job.Method.Name,
                job.Options.Json(job.Method),
                job.Seed, job.Budgets[b], error, before.Measures, null, found, 0, 0, []);
            yield return finding is null ? row : Applied(row, finding, model, snapshot);
        }
    }

    SweepRow Applied(SweepRow row, Finding finding, LanguageModel model, WeightSnapshot snapshot)
    {
        try
        {
            var watch = Stopwatch.StartNew();
            finding.Apply(model, row.Budget);
            double applied = watch.Elapsed.TotalSeconds;
            MlpChanges changes = MlpChanges.Between(snapshot, model);
            return row with
            {
                After = Measure(model), ApplySeconds = applied, ChangedElsewhere = changes.Elsewhere,
                Layers = [.. changes.Layers.Select(l => SweepLayer.Of(l, model.Config.Width))],
                Compressed = Compressed(model),
            };
        }
        finally
        {
            snapshot.Restore(model);
        }
    }

    IReadOnlyList<CompressedRecall>? Compressed(LanguageModel model)
        => compressions is not { Count: > 0 } ? null
            : [.. WeightCompression.Measure(model, compressions, data.Asked, data.Recital)
                .Zip(compressions, (found, compression) => new CompressedRecall(
                    compression.Name, found.Strict, found.Loose, found.MeanSimilarity))];

    SweepMeasures Measure(LanguageModel model)
        => SweepMeasures.Of(model, Memorisation.Measure(model, data.Asked, data.Recital), data);

    UnlearnTask TaskOf(SweepJob job, LanguageModel model, IReadOnlyList<PlantedSequence> forget,
        CancellationToken cancel)
        => data.TaskOf(model, forget, job.Options, job.Seed ?? 0) with { Cancel = cancel };

    // One worker measures, the others wait: all would get the same bits.
    Baseline BaselineOf(int checkpoint, LanguageModel model)
    {
        lock (_gate)
            return _baselines[checkpoint] ??= new(Measure(model), !data.OnlyMemorised ? data.Forget
                : [.. Memorisation.Measure(model, data.Forget, data.Recital).Recitals
                    .Where(r => r.Memorised).Select(r => data.Forget[r.Index])]);
    }
}
