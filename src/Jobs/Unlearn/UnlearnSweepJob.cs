using System.Diagnostics;
using System.Text.Json.Serialization;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnSweepJob"/>.</summary>
public sealed record UnlearnSweepOptions : ISweepOptions
{
    /// <summary>Folders of models: checkpoints of one model.</summary>
    public required IReadOnlyList<string> Model { get; init; }

    /// <summary>Names of methods, from <see cref="MethodCatalog"/>; null for all that can run.</summary>
    public IReadOnlyList<string>? Methods { get; init; }

    /// <summary>Budgets, each 0 to 1.</summary>
    public required IReadOnlyList<double> Budgets { get; init; }

    /// <summary>
    /// Seeds; null for the job's seed alone. A method that draws no random numbers runs once.
    /// </summary>
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <summary>Sequences to forget, keep and measure.</summary>
    public required ForgetRequest Sets { get; init; }

    /// <summary>Files of test sequences; the accuracy is the mean over files.</summary>
    public IReadOnlyList<string> Test { get; init; } = [];

    /// <summary>
    /// Token id that pads test rows to the context; if null, padded accuracy is not measured.
    /// </summary>
    public int? PadToken { get; init; }

    /// <summary>Values of the methods' options; the sweep tries every combination.</summary>
    public IReadOnlyList<MethodValues> MethodOptions { get; init; } = [];

    /// <summary>
    /// Compressions after which every edited model is measured again: quantise:int8, quantise:int4, prune:P;
    /// may be empty.
    /// </summary>
    public IReadOnlyList<string> After { get; init; } = [];

    /// <summary>Folder of the results; the same call continues where it stopped.</summary>
    public required string Out { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public string Verb => "unlearn sweep";

    /// <inheritdoc/>
    public ISweepOptions In(string folder) => this with { Out = folder };

    CellSweep ISweepOptions.Read(JobContext context) => UnlearnSweepCells.Read(this, context);
}

/// <summary>
/// Measures methods with several budgets, options and seeds on several checkpoints, in parallel.
/// </summary>
public static class UnlearnSweepJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong, a file cannot be read, or the folder holds
    /// something else.</exception>
    public static UnlearnSweepResult Run(UnlearnSweepOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        UnlearnSweepFolder.RequirePlace(options.Out);
        UnlearnSweepCells sweep = UnlearnSweepCells.Read(options, context);
        IReadOnlyList<Func<ComputeDevice>> devices = Devices(context, sweep.Count, out RunDevice device);
        using UnlearnSweepFolder folder = sweep.OpenFolder(options.Out, device);
        int before = folder.Done, all = sweep.Rows;
        var watch = Stopwatch.StartNew();
        sweep.Sweep.Run(folder, devices,
            done => context.Progress?.Invoke(
                new JobProgress("unlearning", (double)done / all, $"{done} of {all}")),
            context.Cancel);
        if (before == all)
            context.Remark?.Invoke("complete already; nothing was computed");
        context.Remark?.Invoke(
            $"{Counted.Of(all - before, "cell")} in {watch.Elapsed.TotalSeconds:0.0} s; {options.Out}");
        return sweep.Finish(folder);
    }

    // One worker per thread of the host, or per named device.
    static IReadOnlyList<Func<ComputeDevice>> Devices(JobContext context, int jobs, out RunDevice device)
    {
        var opened = new List<(string Name, bool Host)>();
        foreach (string name in context.DeviceName.Split(','))
        {
            using ComputeDevice one = context.OpenDevice(name);
            opened.Add((one.Name, one.Kind == DeviceKind.Cpu));
        }
        device = new(string.Join(',', opened.Select(d => d.Name)), context.Precision.ManifestName());
        if (opened is [{ Host: true }])
        {
            int workers = Math.Min(ComputeDevice.HostThreadCount, jobs);
            return [.. Enumerable.Range(0, workers).Select(_ => Opening(context, "cpu", workers))];
        }
        return [.. opened.Select(d => Opening(context, d.Name, opened.Count(o => o.Name == d.Name)))];
    }

    static Func<ComputeDevice> Opening(JobContext context, string name, int sharers) => () =>
    {
        ComputeDevice device = context.OpenDevice(name);
        device.Sharers = sharers;
        return device;
    };
}
