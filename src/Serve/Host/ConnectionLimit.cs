using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;

namespace HeadTap.Serve;

/// <summary>
/// Counts connections. One too many is told 503 in HTTP's words before it is closed, so that its user sees
/// a reason and not a broken line.
/// </summary>
sealed class ConnectionLimit(ServerOptions options, ServerMeters meters)
{
    // Refused ones that are kept until their reply is read; more are closed once it is sent.
    const int MostRefused = 256;

    static readonly TimeSpan s_linger = TimeSpan.FromSeconds(1);

    static readonly byte[] s_refusal = Refusal();

    readonly ConcurrentDictionary<IPAddress, int> _addresses = new();
    int _open, _refused;

    internal async Task Handle(ConnectionContext connection, ConnectionDelegate next)
    {
        IPAddress address = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        int open = Interlocked.Increment(ref _open);
        int here = _addresses.AddOrUpdate(address, 1, (_, n) => n + 1);
        bool fits = open <= options.MaxConnections
            && (options.MaxConnectionsPerAddress == 0 || here <= options.MaxConnectionsPerAddress);
        if (!fits)
        {
            // It counts no longer: those who wait for their refusal take nobody's place.
            Leave(address);
            meters.Refused.Add(1);
            await Refuse(connection);
            return;
        }
        meters.Connections.Record(open);
        try
        {
            await next(connection);
        }
        finally
        {
            Leave(address);
        }
    }

    void Leave(IPAddress address)
    {
        meters.Connections.Record(Math.Min(Interlocked.Decrement(ref _open), options.MaxConnections));
        for (int n; _addresses.TryGetValue(address, out n);)
            if (n <= 1 ? _addresses.TryRemove(new(address, n)) : _addresses.TryUpdate(address, n - 1, n))
                return;
    }

    async Task Refuse(ConnectionContext connection)
    {
        bool waits = Interlocked.Increment(ref _refused) <= MostRefused;
        try
        {
            await connection.Transport.Output.WriteAsync(s_refusal);
            await connection.Transport.Output.CompleteAsync();
            if (!waits)
                return;
            // A close with unread bytes would take the reply back on its way.
            using var late = new CancellationTokenSource(s_linger);
            while (true)
            {
                System.IO.Pipelines.ReadResult read = await connection.Transport.Input.ReadAsync(late.Token);
                connection.Transport.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
        }
        finally
        {
            Interlocked.Decrement(ref _refused);
        }
    }

    static byte[] Refusal()
    {
        byte[] body = JsonText.Bytes(new ApiError(
            503, "the server has as many connections as it takes", code: "too_many_connections").ToJson());
        return
        [
            .. System.Text.Encoding.ASCII.GetBytes("HTTP/1.1 503 Service Unavailable\r\n"
                + "Content-Type: application/json; charset=utf-8\r\nRetry-After: 1\r\n"
                + $"Connection: close\r\nContent-Length: {body.Length}\r\n\r\n"),
            .. body,
        ];
    }
}
