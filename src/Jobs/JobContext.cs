using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The progress of a job.</summary>
/// <param name="Title">Name of the stage: "reading", "training".</param>
/// <param name="Share">Share of the stage that is done, 0 to 1.</param>
/// <param name="Note">A few words such as a loss or a speed; may be empty.</param>
public readonly record struct JobProgress(string Title, double Share, string Note);

/// <summary>The settings that all jobs share: device, precision, seed, progress, cancellation.</summary>
public sealed record JobContext
{
    /// <summary>
    /// The device: auto, cpu, simulator, opencl[:N] or cuda[:N]. Jobs that use several devices take names
    /// separated by commas.
    /// </summary>
    public string DeviceName { get; init; } = "auto";

    /// <summary>The names in <see cref="DeviceName"/>, for jobs that use several devices.</summary>
    public IReadOnlyList<string> DeviceNames => DeviceName.Split(',');

    /// <summary>The precision of matrix products.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;

    /// <summary>The seed of all random numbers as the caller gave it; null if not given.</summary>
    public ulong? GivenSeed { get; init; }

    /// <summary>The seed of all random numbers; 0 unless given.</summary>
    public ulong Seed => GivenSeed ?? 0;

    /// <summary>Callback for progress; called on the job's thread.</summary>
    public Action<JobProgress>? Progress { get; init; }

    /// <summary>
    /// Callback for remarks: lines that are not part of the result, such as what was left out and why.
    /// </summary>
    public Action<string>? Remark { get; init; }

    /// <summary>
    /// Returns the caller's name of an options field in a remark, such as --bos-token for BosToken; null
    /// keeps the fields'.
    /// </summary>
    public Func<string, string>? Naming { get; init; }

    /// <summary>
    /// Token that ends the job with <see cref="OperationCanceledException"/>. A job that writes to a run
    /// folder saves its state first.
    /// </summary>
    public CancellationToken Cancel { get; init; }

    /// <summary>
    /// Callback after a device was opened, on the thread that opened it: loading a driver may have changed
    /// what the process does with signals.
    /// </summary>
    public Action? DeviceOpened { get; init; }

    /// <summary>Makes a remark that names fields of options.</summary>
    internal void Say(string line) => Remark?.Invoke(Named(line));

    /// <summary>A line with the caller's names of options in place of the fields'.</summary>
    internal string Named(string line) => Naming is null ? Field.Plain(line) : Field.Written(line, Naming);

    /// <summary>Opens the device of <see cref="DeviceName"/>.</summary>
    /// <exception cref="UserException">No such device was found, or it does not support the
    /// precision.</exception>
    public ComputeDevice OpenDevice() => OpenDevice(DeviceName);

    /// <summary>Opens a device by name, with <see cref="Precision"/>.</summary>
    /// <exception cref="UserException">No such device was found, or it does not support the
    /// precision.</exception>
    public ComputeDevice OpenDevice(string name)
    {
        ComputeDevice device = ComputeDevice.Open(name, Precision);
        DeviceOpened?.Invoke();
        return device;
    }

    /// <summary>Reports progress, and throws if cancellation was requested.</summary>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public void Report(string title, double share, string note = "")
    {
        Cancel.ThrowIfCancellationRequested();
        Progress?.Invoke(new JobProgress(title, share, note));
    }
}
