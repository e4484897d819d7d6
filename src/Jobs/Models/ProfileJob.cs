using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="ProfileJob"/>.</summary>
public sealed record ProfileOptions
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>Rows of the batch.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>Tokens of each row.</summary>
    public int Tokens { get; init; } = 64;

    /// <summary>Timed passes of each kind.</summary>
    public int Repeats { get; init; } = 7;

    /// <summary>
    /// A page with the tables and charts; each chart is also written to its own .svg file. Null for none.
    /// </summary>
    public string? Report { get; init; }

    internal void Validate(ModelConfig config)
    {
        Require(nameof(BatchSize), BatchSize, 1 << 16);
        Require(nameof(Tokens), Tokens, config.ContextLength);
        Require(nameof(Repeats), Repeats, 100_000);
    }

    static void Require(string field, int value, int most)
    {
        if (value < 1 || value > most)
            throw new UserException($"{field} is {value}; expected 1 to {most}", field);
    }
}

/// <summary>What recording costs, device by device.</summary>
/// <param name="BatchSize">Rows of the batch.</param>
/// <param name="Tokens">Tokens of each row.</param>
/// <param name="Repeats">Timed passes of each kind.</param>
/// <param name="Devices">In the order in which they were named.</param>
public sealed record ProfileResult(
    int BatchSize, int Tokens, int Repeats, IReadOnlyList<DeviceTapCosts> Devices)
{
    /// <summary>What was timed, in a few words.</summary>
    [JsonIgnore]
    public string Caption => $"{BatchSize} x {Tokens} tokens, {Repeats} repeats in turns";
}

/// <summary>What each kind of recording costs on one device.</summary>
/// <param name="Device">Its name.</param>
/// <param name="Description">What it is.</param>
/// <param name="Taps">A row for each kind, no recording first.</param>
public sealed record DeviceTapCosts(string Device, string Description, IReadOnlyList<TapTimes> Taps);

/// <summary>What one kind of recording costs.</summary>
/// <param name="Recorded">What is recorded.</param>
/// <param name="MedianMs">Median time of a forward pass, milliseconds.</param>
/// <param name="FastestMs">Least time of a pass, milliseconds.</param>
/// <param name="SlowestMs">Most time of a pass, milliseconds.</param>
/// <param name="Overhead">
/// Median over the turns of a pass's time divided by that turn's pass without recording, less one.
/// </param>
/// <param name="OverheadLowerQuartile">The turns' lower quartile of the same ratio, less one.</param>
/// <param name="OverheadUpperQuartile">The turns' upper quartile of the same ratio, less one.</param>
/// <param name="RecordedBytes">Size of what is recorded.</param>
/// <param name="MemoryBytes">Weights and activations together.</param>
public sealed record TapTimes(string Recorded, double MedianMs, double FastestMs, double SlowestMs,
    double Overhead, double OverheadLowerQuartile, double OverheadUpperQuartile, long RecordedBytes,
    long MemoryBytes);

/// <summary>Times forward passes with each kind of recording, on one device or several.</summary>
public static class ProfileJob
{
    /// <summary>Runs the job on each of <see cref="JobContext.DeviceNames"/>.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model or a device.</exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
    public static ProfileResult Run(ProfileOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        options.Validate(ModelFolder.ReadConfig(options.Model));
        if (options.Report is { } page)
            AtomicFile.RequireWritable(page);
        foreach (string name in context.DeviceNames)
            context.OpenDevice(name).Dispose(); // a device that does not exist is refused before any is timed
        var result = new ProfileResult(options.BatchSize, options.Tokens, options.Repeats,
            [.. context.DeviceNames.Select(name => Measure(name, options, context))]);
        if (options.Report is { } report)
            ProfileReport.Save(report, options.Model, result);
        return result;
    }

    static DeviceTapCosts Measure(string name, ProfileOptions options, JobContext context)
    {
        using ComputeDevice device = context.OpenDevice(name);
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        IReadOnlyList<TapCost> costs = TapProfile.Measure(loaded.Model, options.BatchSize, options.Tokens,
            options.Repeats, context.Seed, (done, total) =>
                context.Report($"timing {device.Name}", (double)done / total));
        return new DeviceTapCosts(device.Name, device.Entry.Description, [.. costs.Select(c => new TapTimes(
            c.Name, c.MedianSeconds * 1e3, c.FastestSeconds * 1e3, c.SlowestSeconds * 1e3,
            c.Overhead, c.OverheadLow, c.OverheadHigh, c.RecordedBytes, c.MemoryBytes))]);
    }
}
