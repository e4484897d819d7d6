using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="WeightsPullJob"/>.</summary>
public sealed record WeightsPullOptions
{
    /// <summary>Name of a published model, from <see cref="PublishedModel.All"/>.</summary>
    public required string Model { get; init; }

    /// <summary>Folder for the files.</summary>
    public required string Out { get; init; }

    /// <summary>Server that has the hub's paths.</summary>
    public string Mirror { get; init; } = new WeightsDownload().Mirror;
}

/// <summary>A completely downloaded file of a model.</summary>
/// <param name="File">Name of the file.</param>
/// <param name="Bytes">Length in bytes.</param>
/// <param name="Checksum">Checksum that the server gave and the bytes match; null if it gave none.</param>
public sealed record PulledFile(string File, long Bytes, string? Checksum);

/// <summary>Downloads a published model; the next run continues an interrupted one.</summary>
public static class WeightsPullJob
{
    /// <summary>Runs the job. Progress is reported on the download's threads.</summary>
    /// <exception cref="UserException">No such model exists, the server cannot be reached, lacks a file or
    /// serves wrong bytes, or the folder cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled; downloaded parts are
    /// kept.</exception>
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
