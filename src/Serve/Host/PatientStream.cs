using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace HeadTap.Serve;

/// <summary>
/// The body of a reply. A client may read as slowly as it likes, but each block within a time; else its
/// connection is closed. Kestrel's own limit counts bytes a second of what was written so far, which allows
/// a client that reads nothing many minutes after a few megabytes.
/// </summary>
sealed class PatientStream : Stream
{
    const int BlockBytes = 1 << 16;

    readonly Stream _inner;
    readonly HttpContext _http;
    readonly TimeSpan _patience;
    readonly Action _gaveUp;

    internal PatientStream(HttpContext http, TimeSpan patience, Action gaveUp)
    {
        (_inner, _http, _patience, _gaveUp) = (http.Response.Body, http, patience, gaveUp);
        if (http.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override Task WriteAsync(
        byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        for (int at = 0; at < buffer.Length; at += BlockBytes)
        {
            ReadOnlyMemory<byte> block = buffer.Slice(at, Math.Min(BlockBytes, buffer.Length - at));
            await Wait(cancel => _inner.WriteAsync(block, cancel).AsTask(), cancellationToken);
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken)
        => Wait(_inner.FlushAsync, cancellationToken);

    async Task Wait(Func<CancellationToken, Task> write, CancellationToken cancel)
    {
        using var late = CancellationTokenSource.CreateLinkedTokenSource(cancel, _http.RequestAborted);
        late.CancelAfter(_patience);
        try
        {
            await write(late.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested
            && !_http.RequestAborted.IsCancellationRequested)
        {
            _gaveUp();
            _http.Abort();
            throw;
        }
    }
}
