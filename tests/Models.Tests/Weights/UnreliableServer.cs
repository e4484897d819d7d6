using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace HeadTap.Models.Tests;

/// <summary>What a client asked for.</summary>
/// <param name="Path">Path and query.</param>
/// <param name="From">First byte of its Range; null without one.</param>
sealed record Request(string Path, long? From);

/// <summary>What the server does with a request.</summary>
sealed record Reply(int Status, byte[] Body)
{
    public Dictionary<string, string> Headers { get; } = [];

    /// <summary>The length that is announced; null announces none.</summary>
    public long? Announced { get; init; } = Body.Length;

    /// <summary>Bytes of the body that are sent before the connection is cut.</summary>
    public int CutAfter { get; init; } = int.MaxValue;

    /// <summary>Says nothing more, but keeps the connection.</summary>
    public bool Hang { get; init; }

    public Reply With(string header, string value)
    {
        Headers[header] = value;
        return this;
    }

    /// <summary>The bytes from a position on, as a server that knows ranges sends them.</summary>
    public static Reply Ranged(byte[] whole, long? from, int cutAfter = int.MaxValue)
    {
        if (from >= whole.Length)
            return new Reply(416, []).With("Content-Range", $"bytes */{whole.Length}");
        return from is long start
            ? new Reply(206, whole[(int)start..]) { CutAfter = cutAfter }
                .With("Content-Range", $"bytes {start}-{whole.Length - 1}/{whole.Length}")
            : new Reply(200, whole) { CutAfter = cutAfter };
    }
}

/// <summary>A web server on a free port that answers as a test says, also wrongly.</summary>
sealed class UnreliableServer : IDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly Func<Request, Reply> _answer;
    readonly CancellationTokenSource _stop = new();
    readonly Task _loop;

    public UnreliableServer(Func<Request, Reply> answer)
    {
        _answer = answer;
        _listener.Start();
        _loop = Task.Run(ServeAsync);
    }

    /// <summary>Its address, without a slash at the end.</summary>
    public string Address => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>Every request so far, in order.</summary>
    public List<Request> Requests { get; } = [];

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Stop();
        _loop.Wait();
        _stop.Dispose();
    }

    async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
                try
                {
                    await AnswerAsync(client.GetStream());
                }
                catch (IOException)
                {
                    // The client went away, which some tests make it do.
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException
            or ObjectDisposedException)
        {
        }
    }

    async Task AnswerAsync(NetworkStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
        string? first = await reader.ReadLineAsync(_stop.Token);
        if (first is null)
            return;
        long? from = null;
        while (await reader.ReadLineAsync(_stop.Token) is { Length: > 0 } line)
            if (line.StartsWith("Range: bytes=", StringComparison.OrdinalIgnoreCase))
                from = long.Parse(line["Range: bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture);
        var request = new Request(first.Split(' ')[1], from);
        Requests.Add(request);
        Reply reply = _answer(request);

        var head = new StringBuilder($"HTTP/1.1 {reply.Status} Reply\r\nConnection: close\r\n");
        if (reply.Announced is long length)
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {length}\r\n");
        foreach ((string name, string value) in reply.Headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head.Append("\r\n").ToString()), _stop.Token);
        await stream.WriteAsync(reply.Body.AsMemory(0, Math.Min(reply.CutAfter, reply.Body.Length)),
            _stop.Token);
        if (reply.Hang)
            await Task.Delay(TimeSpan.FromSeconds(2), _stop.Token);
    }
}
