using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Computes cells of a plan.</summary>
/// <remarks>
/// A cell that is done is passed over, a damaged result is made again and said in one line, and a result
/// takes its name when it is whole. So the same call may run
/// twice, be killed and repeated, or run on several machines at once: the results have the same bytes.
/// </remarks>
public static class SweepRunJob
{
    /// <summary>Computes the cells that are asked for and not done. A cancelled call returns what it has
    /// done.</summary>
    /// <exception cref="UserException">An option does not fit, or plan, program, models, data or device are
    /// not those of the plan.</exception>
    public static SweepRunResult Run(SweepRunOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (options.Jobs is < 1 or > 1024)
            throw new UserException(
                $"{Field.Of(nameof(options.Jobs))} is {options.Jobs}; expected 1 to 1024");
        PlannedSweep plan = PlannedSweep.Open(options.Dir);
        int[] asked = Asked(options, plan.Count);
        var run = new Cells(plan, asked, context);
        int[] open = plan.Store.Open(asked, out IReadOnlyList<DamagedCell> damaged);
        if (DamagedCell.Line(damaged) is { } line)
            context.Say(line);
        if (open.Length == 0)
            return run.Result(before: asked.Length);
        JobContext planned = plan.ContextOf(context);
        try
        {
            context.Cancel.ThrowIfCancellationRequested();
            run.Compute(plan.Read(planned), open, Devices(planned, Math.Min(options.Jobs, open.Length)),
                planned);
        }
        catch (OperationCanceledException) when (context.Cancel.IsCancellationRequested)
        {
            run.Interrupted = true;
        }
        return run.Result(asked.Length - open.Length);
    }

    static int[] Asked(SweepRunOptions options, int cells)
    {
        var chunks = CellChunks.Of(cells, options.Chunk, nameof(options.Chunk));
        if ((options.Cell is null ? 0 : 1) + (options.Array ? 1 : 0) + (options.Range is null ? 0 : 1) > 1)
            throw new UserException(
                $"{Field.Of(nameof(options.Cell))}, {Field.Of(nameof(options.Array))} and "
                + $"{Field.Of(nameof(options.Range))} say which cells; expected one of them");
        if (options.Cell is { } cell)
            return At(cell, Field.Of(nameof(options.Cell)));
        if (options.Range is { } range)
            return [.. chunks.CellsOf(
                CellRanges.Parse(range, nameof(options.Range), chunks.Count, chunks.Words))];
        if (options.Array)
        {
            (int index, string source) = ArrayIndex.Read(options.Environment);
            return At(index, $"the array task of {source}, from 0,");
        }
        return options.Chunk is null ? [.. Enumerable.Range(0, cells)] : throw new UserException(
            $"{Field.Of(nameof(options.Chunk))} belongs to {Field.Of(nameof(options.Cell))}, "
                + $"{Field.Of(nameof(options.Array))} or {Field.Of(nameof(options.Range))}; leave it out to "
                + "compute all cells");

        int[] At(int index, string name) => index >= 0 && index < chunks.Count ? [.. chunks.CellsOf([index])]
            : throw new UserException(
                $"{name} is {index}; expected 0 to {chunks.Count - 1}, for {chunks.Words}");
    }

    // One device a worker: those that are named, in turn.
    static Func<ComputeDevice>[] Devices(JobContext context, int workers)
    {
        IReadOnlyList<string> names = context.DeviceNames;
        return [.. Enumerable.Range(0, workers).Select(w => (Func<ComputeDevice>)(() =>
        {
            ComputeDevice device = context.OpenDevice(names[w % names.Count]);
            device.Sharers = (workers - w % names.Count + names.Count - 1) / names.Count;
            return device;
        }))];
    }

    // The cells of one call, and what became of them.
    sealed class Cells(PlannedSweep plan, int[] asked, JobContext context)
    {
        readonly ConcurrentBag<FailedCell> _failed = [];
        readonly ConcurrentBag<int> _claimed = [];
        int _next = -1, _computed, _seen;

        internal bool Interrupted { get; set; }

        internal void Compute(
            CellSweep sweep, int[] open, Func<ComputeDevice>[] devices, JobContext planned)
        {
            if (devices.Length == 1)
            {
                Work(sweep, open, devices[0], planned, context.Cancel);
                return;
            }
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.Cancel);
            Exception? failure = null;
            int threads = ComputeDevice.HostThreadCount;
            ComputeDevice.HostThreadCount = Math.Max(1, threads / devices.Length);
            try
            {
                Thread[] workers = [.. devices.Select(device => new Thread(() =>
                {
                    try
                    {
                        Work(sweep, open, device, planned, stop.Token);
                    }
#pragma warning disable CA1031 // passed on to the caller's thread, below
                    catch (Exception e)
#pragma warning restore CA1031
                    {
                        Interlocked.CompareExchange(ref failure, e, null);
                        stop.Cancel();
                    }
                }))];
                foreach (Thread worker in workers)
                    worker.Start();
                foreach (Thread worker in workers)
                    worker.Join();
            }
            finally
            {
                ComputeDevice.HostThreadCount = threads;
            }
            if (failure is not null)
                ExceptionDispatchInfo.Throw(failure);
        }

        internal SweepRunResult Result(int before)
        {
            ClaimedCell[] elsewhere = [.. _claimed.Where(cell => !plan.Store.Has(cell)).Order()
                .Select(cell => new ClaimedCell(cell, plan.Store.Holder(cell)))];
            int found = _seen + _claimed.Count - elsewhere.Length;
            return new(asked.Length, before + found, _computed, [.. _failed.OrderBy(f => f.Cell)], elsewhere,
                Interrupted);
        }

        void Work(CellSweep sweep, int[] open, Func<ComputeDevice> opened, JobContext planned,
            CancellationToken cancel)
        {
            using ComputeDevice device = opened();
            var here = RunDevice.Of(device);
            RequireKind(here);
            using ICellWorker worker = sweep.Open(device, planned);
            for (int i; (i = Interlocked.Increment(ref _next)) < open.Length;)
            {
                cancel.ThrowIfCancellationRequested();
                One(open[i], worker, here, cancel);
                context.Progress?.Invoke(
                    new JobProgress("cells", (double)(i + 1) / open.Length, $"{i + 1} of {open.Length}"));
            }
        }

        void One(int cell, ICellWorker worker, RunDevice device, CancellationToken cancel)
        {
            using WorkClaim? claim = plan.Store.TryClaim(cell);
            if (claim is null)
            {
                _claimed.Add(cell);
                return;
            }
            if (plan.Store.Has(cell)) // done meanwhile by the one who had the claim
            {
                Interlocked.Increment(ref _seen);
                return;
            }
            IReadOnlyList<(string, string)> rows;
            try
            {
                rows = worker.Run(cell, cancel);
            }
            catch (UserException e)
            {
                plan.Store.Fail(cell, e.Message);
                _failed.Add(new(cell, e.Message));
                return;
            }
            plan.Store.Write(cell, rows, device);
            Interlocked.Increment(ref _computed);
        }

        void RequireKind(RunDevice here)
        {
            if (plan.Store.Device() is { } there
                && (there.Kind != here.Kind || there.Precision != here.Precision))
                throw new UserException($"{Quoted.Path(plan.Folder)}: cells were computed on {there.Name} in "
                    + $"{there.Precision}, and this is {here.Name} in {here.Precision}, whose bits differ; "
                    + "expected devices of one kind");
        }
    }
}
