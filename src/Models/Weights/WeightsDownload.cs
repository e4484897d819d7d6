using System.Net;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How far a download is.</summary>
/// <param name="File">The file's name.</param>
/// <param name="Bytes">Bytes that are here, those of earlier runs included.</param>
/// <param name="Total">Its length; null where the server does not say.</param>
/// <param name="BytesPerSecond">Speed of this run, the mean since the file was begun.</param>
public readonly record struct DownloadProgress(string File, long Bytes, long? Total, double BytesPerSecond);

/// <summary>A file that <see cref="WeightsDownload.PullAsync"/> put in place.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Checksum">What the server said and the bytes agree with: SHA-256, or git's SHA-1 for small
/// files; null if the server (a plain mirror) said nothing.</param>
public sealed record DownloadedFile(string Name, long Bytes, string? Checksum);

/// <summary>
/// Fetches published models from the Hugging Face hub into a folder. Bytes collect in <c>NAME.part</c> and
/// take the final name when they are complete and their checksum is right, so an interrupted pull is
/// continued by the next one.
/// </summary>
public sealed class WeightsDownload
{
    /// <summary>Where the hub is, or a server with the same paths.</summary>
    public string Mirror { get; init; } = "https://huggingface.co";

    /// <summary>The branch, tag or commit of the repository.</summary>
    public string Revision { get; init; } = "main";

    /// <summary>Attempts in a row that may fail without a single new byte.</summary>
    public int Attempts { get; init; } = 6;

    /// <summary>How long to wait after the n-th failure in a row, n from 1 on: 1, 2, 4 ... 30
    /// seconds.</summary>
    public Func<int, TimeSpan> BackOff { get; init; } = n =>
        TimeSpan.FromSeconds(Math.Min(30, Math.Pow(2, n - 1)));

    /// <summary>How long a server may say nothing before the connection counts as cut.</summary>
    public TimeSpan Stall { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Told about ten times a second, and at the end of every file.</summary>
    public Action<DownloadProgress>? Progress { get; init; }

    /// <summary>Fetches what is missing of a model, then checks that weights and config fit each
    /// other.</summary>
    /// <param name="model">Which.</param>
    /// <param name="dir">The folder; made if missing. Files in it that have the right checksum are
    /// kept.</param>
    /// <param name="cancel">Stops; what has arrived is kept for the next run.</param>
    /// <exception cref="UserException">The server cannot be reached, lacks a file or serves wrong bytes; or
    /// the folder cannot be written.</exception>
    public async Task<IReadOnlyList<DownloadedFile>> PullAsync(
        PublishedModel model, string dir, CancellationToken cancel = default)
    {
        Uri hub = Hub();
        using HttpClient http = Client(hub);
        List<DownloadedFile> files = [];
        foreach ((string file, bool optional) in PublishedModel.Files)
        {
            var address = new Uri(hub, $"{model.Repository}/resolve/{Uri.EscapeDataString(Revision)}/{file}");
            var download = new ResumableDownload(this, http, address, Path.Combine(dir, file));
            if (await download.RunAsync(cancel).ConfigureAwait(false) is { } done)
                files.Add(done);
            else if (!optional)
                throw new UserException($"{Quoted.Path(address.ToString())}: not found on the server. Check "
                    + $"{Field.Of(nameof(Mirror))} and the revision.");
        }
        ModelFolder.Check(dir);
        return files;
    }

    Uri Hub() =>
        Uri.TryCreate(Mirror.TrimEnd('/') + "/", UriKind.Absolute, out Uri? uri)
            && uri.Scheme is "http" or "https"
            ? uri
            : throw new UserException($"mirror {Quoted.Name(Mirror)}: not an address; expected one like "
                + "https://huggingface.co.");

    static HttpClient Client(Uri hub) => new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, // the hub's redirect carries the checksum
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = TimeSpan.FromSeconds(30),
        UseProxy = !hub.IsLoopback,
    })
    {
        // ResumableDownload times each wait instead: a model takes minutes
        Timeout = Timeout.InfiniteTimeSpan,
        DefaultRequestHeaders = { { "User-Agent", "headtap" } },
    };
}
