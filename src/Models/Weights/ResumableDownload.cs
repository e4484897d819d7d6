using System.Diagnostics;
using System.Net;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Fetches one file: collects it in <c>.part</c>, resumes after cuts, checks it, gives it its
/// name.</summary>
sealed class ResumableDownload(WeightsDownload options, HttpClient http, Uri address, string path)
{
    const long MostBytes = 1L << 36; // 64 GiB: a server that never ends must not fill the disk
    const long ReportMs = 100;

    readonly string _part = path + ".part";
    readonly Stopwatch _clock = Stopwatch.StartNew();
    long _received;
    long _reportedMs = -ReportMs;
    bool _partIsOurs; // every byte of the part was written by this run
    bool _wrongOnce;

    string Address => Quoted.Path(address.ToString());

    /// <summary>Fetches the file; null if the server has none of that name.</summary>
    /// <exception cref="UserException">The server fails too often or serves wrong bytes; or the disk
    /// refuses.</exception>
    internal async Task<DownloadedFile?> RunAsync(CancellationToken cancel)
    {
        int failures = 0;
        long best = PartLength();
        while (true)
        {
            try
            {
                (bool missing, DownloadedFile? done) = await AttemptAsync(cancel).ConfigureAwait(false);
                if (missing || done is not null)
                    return done;
                best = 0;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or TimeoutException)
            {
                // Only the longest part so far counts as progress: a server that ignores ranges and always
                // cuts at half would otherwise be asked for ever.
                failures = PartLength() > best ? 1 : failures + 1;
                best = Math.Max(best, PartLength());
                if (failures >= options.Attempts)
                {
                    // "The SSL connection could not be established" says why only in its inner exception.
                    string why = (e is HttpRequestException ? e.GetBaseException() : e).Message;
                    throw new UserException(
                        $"{Address}: failed {failures} times in a row ({Quoted.Line(why)}). Check the "
                        + $"network or {Field.Of(nameof(WeightsDownload.Mirror))} and run it again; it "
                        + "continues where it stopped.", e);
                }
                await Task.Delay(options.BackOff(failures), cancel).ConfigureAwait(false);
            }
        }
    }

    // (true, null): not on the server. (false, null): wrong bytes were deleted, try again.
    async Task<(bool Missing, DownloadedFile? Done)> AttemptAsync(CancellationToken cancel)
    {
        long from = PartLength();
        using HubResponse response = await WithinStall(
            token => HubResponse.GetAsync(http, address, from, token), cancel).ConfigureAwait(false);
        if (response.Status == HttpStatusCode.NotFound)
            return (true, null);
        if (HasFinal(response))
        {
            OnDisk(() => File.Delete(_part));
            return (false, Done(path, response));
        }
        if (!await ReceiveAsync(response, from, cancel).ConfigureAwait(false) || !IsRight(_part, response))
        {
            DeleteWrongPart(response);
            return (false, null);
        }
        OnDisk(() => File.Move(_part, path, overwrite: true));
        return (false, Done(path, response));
    }

    // False if there are more bytes than there should be.
    async Task<bool> ReceiveAsync(HubResponse response, long from, CancellationToken cancel)
    {
        RequireUsable(response, from);
        if (response.Status == HttpStatusCode.RequestedRangeNotSatisfiable)
            return true; // the part is as long as the file
        long position = response.Status == HttpStatusCode.PartialContent ? from : 0;
        _partIsOurs |= position == 0;
        using FileStream part = OpenPart(position);
        using Stream body = await response.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        byte[] buffer = new byte[1 << 17];
        while (true)
        {
            int read = await WithinStall(token => body.ReadAsync(buffer, token).AsTask(), cancel)
                .ConfigureAwait(false);
            if (read == 0)
                break;
            position += read;
            if (position > (response.Total ?? MostBytes))
                return false;
            OnDisk(() => part.Write(buffer, 0, read));
            _received += read;
            Report(position, response.Total, last: false);
        }
        OnDisk(() => part.Flush(flushToDisk: true));
        if (position < response.Total)
            throw new HttpRequestException($"the connection ended at {position} of {response.Total} bytes");
        Report(position, response.Total ?? position, last: true);
        return true;
    }

    void RequireUsable(HubResponse response, long from)
    {
        // else an old part could be of another file
        bool resumable = _partIsOurs || response.Checksum is not null;
        bool usable = response.Status switch
        {
            HttpStatusCode.OK => true,
            HttpStatusCode.PartialContent => resumable && response.Content.Headers.ContentRange?.From == from,
            HttpStatusCode.RequestedRangeNotSatisfiable => resumable && from > 0 && response.Total == from,
            HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
                or >= HttpStatusCode.InternalServerError =>
                throw new HttpRequestException($"the server answered {(int)response.Status}"),
            _ => throw new UserException($"{Address}: the server answered {(int)response.Status}; expected "
                + $"the file. Check {Field.Of(nameof(WeightsDownload.Mirror))} and the revision."),
        };
        if (usable)
            return;
        OnDisk(() => File.Delete(_part));
        throw new HttpRequestException($"the server cannot continue at byte {from} (it answered "
            + $"{(int)response.Status})");
    }

    bool HasFinal(HubResponse response) =>
        (int)response.Status is 200 or 206 or 416
        && File.Exists(path) && response.Total is not null && IsRight(path, response);

    static bool IsRight(string file, HubResponse response) =>
        (response.Total is null || new FileInfo(file).Length == response.Total)
        && (response.Checksum is null || Digest(file, response.Checksum) == response.Checksum);

    static string Digest(string file, string like) =>
        like.Length == 64 ? FileHash.Sha256(file) : FileHash.GitBlob(file);

    void DeleteWrongPart(HubResponse response)
    {
        bool ours = _partIsOurs;
        OnDisk(() => File.Delete(_part));
        _partIsOurs = false;
        if (!ours)
            return; // what an earlier run left may be of another version: not the server's fault
        if (_wrongOnce)
        {
            throw new UserException(
                $"{Address}: twice the bytes were not those of checksum {response.Checksum} and length "
                + $"{response.Total}. Nothing was kept; try again later or with another "
                + $"{Field.Of(nameof(WeightsDownload.Mirror))}.");
        }
        _wrongOnce = true;
    }

    DownloadedFile Done(string file, HubResponse response) =>
        new(Path.GetFileName(path), new FileInfo(file).Length, response.Checksum);

    long PartLength() => File.Exists(_part) ? new FileInfo(_part).Length : 0;

    FileStream OpenPart(long position)
    {
        FileStream? part = null;
        OnDisk(() =>
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(_part))!);
            part = new FileStream(_part, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None,
                bufferSize: 0);
            part.SetLength(position);
            part.Position = position;
        });
        return part!;
    }

    // Both the network and the disk throw IOException; only the network is worth another attempt.
    void OnDisk(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"{Quoted.Path(path)}: cannot be written ({Quoted.Line(e.Message)}). "
                + "Choose a writable place with room.", e);
        }
    }

    async Task<T> WithinStall<T>(Func<CancellationToken, Task<T>> wait, CancellationToken cancel)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        stall.CancelAfter(options.Stall);
        try
        {
            return await wait(stall.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"the server said nothing for {options.Stall.TotalSeconds:0.#} s", e);
        }
    }

    void Report(long position, long? total, bool last)
    {
        if (options.Progress is null || (!last && _clock.ElapsedMilliseconds - _reportedMs < ReportMs))
            return;
        _reportedMs = _clock.ElapsedMilliseconds;
        options.Progress(new DownloadProgress(
            Path.GetFileName(path), position, total,
            _received / Math.Max(_clock.Elapsed.TotalSeconds, 1e-3)));
    }
}
