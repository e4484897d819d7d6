using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="ProfileJob"/>.</summary>
public sealed record ProfileOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>Rows of the batch.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>Tokens of each row.</summary>
    public int Tokens { get; init; } = 64;

    /// <summary>Timed passes of each kind.</summary>
    public int Repeats { get; init; } = 7;

    /// <summary>
    /// File of an HTML page with tables and charts; each chart is also written to its own .svg file. Null for
    /// none.
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
            throw new UserException($"{Field.Of(field)} is {value}; expected 1 to {most}");
    }
}

/// <summary>The costs of recording per device.</summary>
/// <param name="BatchSize">Number of rows of the batch.</param>
/// <param name="Tokens">Number of tokens of each row.</param>
/// <param name="Repeats">Number of timed passes per kind.</param>
/// <param name="Devices">Costs by device, in the order of their names in the options.</param>
public sealed record ProfileResult(
    int BatchSize, int Tokens, int Repeats, IReadOnlyList<DeviceTapCosts> Devices)
{
    /// <summary>A short description of the measurement.</summary>
    [JsonIgnore]
    public string Caption => $"{BatchSize} x {Counted.Of(Tokens, "token")}, {Counted.Of(Repeats, "repeat")} "
        + "in turns";
}

/// <summary>The costs of each kind of recording on one device.</summary>
/// <param name="Device">Name of the device.</param>
/// <param name="Description">Description of the device.</param>
/// <param name="Taps">Costs by kind of recording; the first is without recording.</param>
public sealed record DeviceTapCosts(string Device, string Description, IReadOnlyList<TapTimes> Taps);

/// <summary>The cost of one kind of recording.</summary>
/// <param name="Recorded">Name of what is recorded.</param>
/// <param name="MedianMs">Median time of a forward pass, milliseconds.</param>
/// <param name="FastestMs">Shortest time of a pass, milliseconds.</param>
/// <param name="SlowestMs">Longest time of a pass, milliseconds.</param>
/// <param name="Overhead">Median over turns of (time of the pass / time of the same turn's pass without
/// recording) - 1.</param>
/// <param name="OverheadLowerQuartile">Lower quartile over turns of the same value.</param>
/// <param name="OverheadUpperQuartile">Upper quartile over turns of the same value.</param>
/// <param name="RecordedBytes">Size of the recorded values, bytes.</param>
/// <param name="MemoryBytes">Memory of weights and activations, bytes.</param>
public sealed record TapTimes(string Recorded, double MedianMs, double FastestMs, double SlowestMs,
    double Overhead, double OverheadLowerQuartile, double OverheadUpperQuartile, long RecordedBytes,
    long MemoryBytes);

/// <summary>Times forward passes with each kind of recording, on one device or several.</summary>
public static class ProfileJob
{
    /// <summary>Runs the job on each of <see cref="JobContext.DeviceNames"/>.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model or a device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static ProfileResult Run(ProfileOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        options.Validate(ModelFolder.ReadConfig(options.Model));
        if (options.Report is { } page)
            AtomicFile.RequireWritable(page);
        foreach (string name in context.DeviceNames)
            context.OpenDevice(name).Dispose(); // checks every device before timing any
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
