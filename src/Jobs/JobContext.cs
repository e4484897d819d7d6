using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>How far a job is.</summary>
/// <param name="Title">The stage: "reading", "training".</param>
/// <param name="Share">Share of the stage that is done, 0 to 1.</param>
/// <param name="Note">A few words on it: a loss, a speed, or nothing.</param>
public readonly record struct JobProgress(string Title, double Share, string Note);

/// <summary>What every job runs with, besides its own options: device, seed, progress,
/// cancellation.</summary>
public sealed record JobContext
{
    /// <summary>
    /// auto, cpu, simulator, opencl[:N] or cuda[:N]; several with commas between for jobs that take several.
    /// </summary>
    public string DeviceName { get; init; } = "auto";

    /// <summary>The devices of <see cref="DeviceName"/>, for jobs that take several.</summary>
    public IReadOnlyList<string> DeviceNames => DeviceName.Split(',');

    /// <summary>Precision of matrix products.</summary>
    public Precision Precision { get; init; } = Precision.Fp32;

    /// <summary>The seed of everything that is drawn; null where the caller gave none.</summary>
    public ulong? GivenSeed { get; init; }

    /// <summary>The seed of everything that is drawn, 0 unless given.</summary>
    public ulong Seed => GivenSeed ?? 0;

    /// <summary>Receives progress while the job runs, on the job's thread.</summary>
    public Action<JobProgress>? Progress { get; init; }

    /// <summary>Receives remarks: lines that are no result, such as what was left out and why.</summary>
    public Action<string>? Remark { get; init; }

    /// <summary>
    /// Ends the job with <see cref="OperationCanceledException"/>; a job in a folder saves its state first.
    /// </summary>
    public CancellationToken Cancel { get; init; }

    /// <summary>Opens the device of <see cref="DeviceName"/>.</summary>
    /// <exception cref="UserException">There is none, or it has not the precision.</exception>
    public ComputeDevice OpenDevice() => OpenDevice(DeviceName);

    /// <summary>Opens a device by name, with <see cref="Precision"/>.</summary>
    /// <exception cref="UserException">There is none, or it has not the precision.</exception>
    public ComputeDevice OpenDevice(string name) => ComputeDevice.Open(name, Precision);

    /// <summary>Reports progress, and ends the job where that was asked for.</summary>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
    public void Report(string title, double share, string note = "")
    {
        Cancel.ThrowIfCancellationRequested();
        Progress?.Invoke(new JobProgress(title, share, note));
    }
}
