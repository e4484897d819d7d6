using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="WeightsPullJob"/>.</summary>
public sealed record WeightsPullOptions
{
    /// <summary>The name of a published model: one of <see cref="PublishedModel.All"/>.</summary>
    public required string Model { get; init; }

    /// <summary>The folder that gets the files.</summary>
    public required string Out { get; init; }

    /// <summary>A server with the hub's paths.</summary>
    public string Mirror { get; init; } = new WeightsDownload().Mirror;
}

/// <summary>A file of a model that is complete.</summary>
/// <param name="File">Its name.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Checksum">What the server said and the bytes agree with; null if it said nothing.</param>
public sealed record PulledFile(string File, long Bytes, string? Checksum);

/// <summary>Fetches a published model; an interrupted run is continued by the next one.</summary>
public static class WeightsPullJob
{
    /// <summary>Runs the job. Progress comes from the threads of the download.</summary>
    /// <exception cref="UserException">There is no such model, the server cannot be reached, lacks a file or
    /// serves wrong bytes, or the folder cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The job is to end; what has arrived is kept.</exception>
    public static IReadOnlyList<PulledFile> Run(WeightsPullOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PublishedModel model = PublishedModel.Find(options.Model);
        AtomicFile.RequireWritable(Path.Combine(options.Out, "config.json"));
        var download = new WeightsDownload
        {
            Mirror = options.Mirror,
            Progress = at => context.Progress?.Invoke(new JobProgress($"pulling {model.Name}",
                at.Total is > 0 and { } total ? (double)at.Bytes / total : 0,
                $"{at.File}, {MemoryPlan.Text((long)at.BytesPerSecond)}/s")),
        };
        IReadOnlyList<DownloadedFile> files =
            download.PullAsync(model, options.Out, context.Cancel).GetAwaiter().GetResult();
        return [.. files.Select(f => new PulledFile(f.Name, f.Bytes, f.Checksum))];
    }
}
