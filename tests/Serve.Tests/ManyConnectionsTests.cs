using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Serve.Tests;

/// <summary>Ten thousand connections at once that ask for nothing.</summary>
public sealed class ManyConnectionsTests
{
    const int Many = 10_000, Taken = 500, OtherFiles = 2000;

    [Test]
    public async Task Ten_thousand_idle_connections_leave_room_for_others_and_no_trace()
    {
        RequireFiles(Many + Taken + OtherFiles);
        await using AtlasServer server = await AtlasServer.Start(
            new ServerOptions { MaxConnectionsPerAddress = Taken });
        int port = server.Server.Address.Port;
        using HttpClient other = Other(server.Server.Address);
        await Answers(other);
        long began = Stopwatch.GetTimestamp(), before = GC.GetTotalMemory(forceFullCollection: true);
        Socket?[] idle = new Socket?[Many];
        try
        {
            await Parallel.ForAsync(0, Many, new ParallelOptions { MaxDegreeOfParallelism = 64 },
                async (i, cancel) =>
                {
                    idle[i] = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                    await idle[i]!.ConnectAsync(IPAddress.Loopback, port, cancel);
                });
            await RunningServer.Until(() => Readable(idle) == Many - Taken, "those over the limit are told");
            await Answers(other);
            using (HttpClient another = Other(server.Server.Address))
                await Answers(another); // on a connection of its own
            foreach (Socket? socket in idle.Where(s => s!.Poll(0, SelectMode.SelectRead)))
                Assert.That(await Told(socket!), Does.StartWith("HTTP/1.1 503 ")
                    .And.Contain("\r\nConnection: close\r\n").And.Contain("too_many_connections"));
            Assert.That(await Metrics(other), Does.Contain(
                $"headtap_http_connections_refused_total {Many - Taken}\n"));
        }
        finally
        {
            foreach (Socket? socket in idle)
                socket?.Dispose();
            Array.Clear(idle);
        }
        for (int i = 0; !(await Metrics(other)).Contains("headtap_http_connections 1\n"); i++)
        {
            Assert.That(i, Is.LessThan(500), "the idle ones are gone");
            await Task.Delay(20);
        }
        long after = GC.GetTotalMemory(forceFullCollection: true);
        TimeSpan took = Stopwatch.GetElapsedTime(began);
        TestContext.Out.WriteLine(
            $"{took.TotalSeconds:0.0} s; {before >> 10} KiB before, {after >> 10} after");
        Assert.That(after - before, Is.LessThan(16 << 20), "bytes that stay");
        await Answers(other);
    }

    // Linux answers to every address that begins with 127.
    static HttpClient Other(Uri address) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, cancel) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.2"), 0));
            await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancel);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = address };

    static async Task Answers(HttpClient client)
    {
        using HttpResponseMessage health = await client.GetAsync("/health");
        Assert.That((int)health.StatusCode, Is.EqualTo(200));
        using var body = new StringContent(
            """{"model":"atlas","prompt":"The capital of Japan is","max_tokens":2}""", Encoding.UTF8,
            "application/json");
        using HttpResponseMessage reply = await client.PostAsync("/v1/completions", body);
        string text = await reply.Content.ReadAsStringAsync();
        Assert.That((int)reply.StatusCode, Is.EqualTo(200), text);
        Assert.That((int)JsonNode.Parse(text)!["usage"]!["completion_tokens"]!, Is.EqualTo(2));
    }

    static int Readable(Socket?[] sockets) => sockets.Count(s => s!.Poll(0, SelectMode.SelectRead));

    static Task<string> Told(Socket socket) => RunningServer.ReadAll(socket, 5);

    static Task<string> Metrics(HttpClient client) => client.GetStringAsync("/metrics");

    static void RequireFiles(int most)
    {
        const string Limits = "/proc/self/limits", Name = "Max open files";
        if (!OperatingSystem.IsLinux() || !File.Exists(Limits))
            Assert.Ignore("The system is not Linux; expected /proc/self/limits and all addresses of 127.");
        string[] words = File.ReadLines(Limits).First(l => l.StartsWith(Name, StringComparison.Ordinal))[
            Name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words[0] != "unlimited" && long.Parse(words[0]) < most)
            Assert.Ignore($"The process may open {words[0]} files; expected at least {most} (ulimit -n).");
    }
}
