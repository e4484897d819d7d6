using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Serve.Tests;

/// <summary>Clients that are slow, that go away, that are too many, that send nonsense.</summary>
public sealed class HostileTests
{
    const string Path = "/v1/completions";

    [TestCase("""{"do":"wait"}"""), TestCase("""{"do":"stream","n":100000,"pace":"slow"}""")]
    public async Task An_endpoint_hears_that_its_client_went_away(string body)
    {
        var echo = new EchoEndpoint();
        await using RunningServer server = await RunningServer.Start(echo);
        using (Socket socket = await server.Connect())
        {
            await Send(socket, body);
            await RunningServer.Until(() => echo.Answered == 1, "the request");
        }
        await RunningServer.Until(() => echo.Aborted == 1, "the endpoint hears it");
        await Alive(server);
    }

    [Test]
    public async Task A_socket_that_is_closed_on_one_side_counts_as_gone()
    {
        var echo = new EchoEndpoint();
        await using RunningServer server = await RunningServer.Start(echo);
        using Socket socket = await server.Connect();
        await Send(socket, """{"do":"wait"}""");
        await RunningServer.Until(() => echo.Answered == 1, "the request");
        socket.Shutdown(SocketShutdown.Send);
        await RunningServer.Until(() => echo.Aborted == 1, "the endpoint hears it");
        await RunningServer.ReadAll(socket);
        await Alive(server);
    }

    [TestCase("POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n")]
    [TestCase("POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + "Content-Length: 1000\r\n\r\n{")]
    [TestCase("GE")]
    public async Task A_client_that_sends_half_a_request_is_closed(string half)
    {
        var echo = new EchoEndpoint();
        await using RunningServer server = await RunningServer.Start(new ServerOptions
        {
            HeaderTimeout = TimeSpan.FromSeconds(1), SlowGrace = TimeSpan.FromSeconds(1.1),
            IdleTimeout = TimeSpan.FromSeconds(1),
        }, null, echo);
        using Socket socket = await server.Connect();
        await socket.SendAsync(Encoding.ASCII.GetBytes(half));
        string answer = await RunningServer.ReadAll(socket);
        Assert.That(answer, Is.Empty.Or.Match("^HTTP/1.1 (400|408) "));
        Assert.That(echo.Answered, Is.Zero);
        await Alive(server);
    }

    [TestCase("""{"do":"stream","n":100000,"fill":10000}"""), TestCase("""{"do":"flood"}""")]
    public async Task A_client_that_does_not_read_is_closed(string body)
    {
        await using RunningServer server = await RunningServer.Start(new ServerOptions
        {
            SlowGrace = TimeSpan.FromSeconds(1.1), StallTimeout = TimeSpan.FromSeconds(1),
            MinBytesPerSecond = 10_000,
        }, null, new EchoEndpoint());
        using Socket socket = await server.Connect();
        socket.ReceiveBufferSize = 4096;
        await Send(socket, body);
        const string line = "headtap_http_requests_total{handler=\"/v1/completions\"";
        await RunningServer.Until(() => server.Meters.ToText().Contains(line), "the request is given up", 30);
        await Alive(server);
    }

    [Test]
    public async Task Idle_connections_beyond_the_limit_are_told_and_others_are_answered_again()
    {
        await using RunningServer server =
            await RunningServer.Start(new ServerOptions { MaxConnections = 50 }, null, new EchoEndpoint());
        var idle = new List<Socket>();
        try
        {
            for (int i = 0; i < 50; i++)
                idle.Add(await server.Connect());
            await RunningServer.Until(
                () => server.Meters.ToText().Contains("headtap_http_connections 50\n"), "50 connections");
            for (int i = 0; i < 300; i++)
                idle.Add(await server.Connect());
            using Socket refused = idle[^1];
            string answer = await RunningServer.ReadAll(refused);
            Assert.That(answer, Does.StartWith("HTTP/1.1 503 ").And.Contain("Retry-After: 1\r\n")
                .And.Contain("too_many_connections"));
            foreach (Socket socket in idle)
                socket.Dispose();
            await RunningServer.Until(
                () => server.Meters.ToText().Contains("headtap_http_connections 0\n"), "they are gone");
            await Alive(server);
            Assert.That(server.Meters.ToText(), Does.Contain("headtap_http_connections_refused_total 300\n"));
        }
        finally
        {
            foreach (Socket socket in idle)
                socket.Dispose();
        }
    }

    [Test]
    public async Task One_address_may_have_a_limit_of_its_own()
    {
        await using RunningServer server =
            await RunningServer.Start(new ServerOptions { MaxConnectionsPerAddress = 2 }, null);
        using Socket one = await server.Connect(), two = await server.Connect();
        await RunningServer.Until(
            () => server.Meters.ToText().Contains("headtap_http_connections 2\n"), "two connections");
        using Socket three = await server.Connect();
        Assert.That(await RunningServer.ReadAll(three), Does.StartWith("HTTP/1.1 503 "));
        one.Dispose();
        two.Dispose();
        await RunningServer.Until(
            () => server.Meters.ToText().Contains("headtap_http_connections 0\n"), "they are gone");
        await RunningServer.Json(await server.Get("/health/live"));
    }

    [TestCase("\0\0\0\0\r\n\r\n"), TestCase("GET / HTTP/9.9\r\n\r\n"),
        TestCase("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"),
        TestCase("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
            + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        TestCase("GET /%zz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"),
        TestCase("GET http://example.org/v1/models HTTP/1.1\r\nHost: example.org\r\n"
            + "Connection: close\r\n\r\n")]
    public async Task What_is_no_request_is_closed_with_a_4xx(string bytes)
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using Socket socket = await server.Connect();
        await socket.SendAsync(Encoding.Latin1.GetBytes(bytes));
        Assert.That(await RunningServer.ReadAll(socket), Does.Match("^HTTP/1.1 (4..|505) "));
        await Alive(server);
    }

    [Test]
    public async Task Headers_without_end_are_refused()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using Socket socket = await server.Connect();
        await socket.SendAsync(Encoding.ASCII.GetBytes("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nx: "
            + new string('y', 100_000) + "\r\n\r\n"));
        Assert.That(await RunningServer.ReadAll(socket), Does.StartWith("HTTP/1.1 431 "));
        await Alive(server);
    }

    // Bounded: a fixed seed, a fixed number. Every answer is a 200 or an error object, and the last one of
    // a sane request is right.
    [Test]
    public async Task Bodies_of_noise_are_answered_or_refused()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        var random = new Random(20);
        byte[][] seeds = [.. new[]
        {
            """{"model":"toy","prompt":["a","ü😀"],"n":1e3,"logit_bias":{"5":-100.5},"stop":null}""",
            """{"prompt":"\ud83d\ude00","a":[[[[{}]]]],"b":-0.0e-5,"c":[1,2,3],"d":{"e":{"f":"g"}}}""",
            """{"model":"toy","tokens":[1,2,3,99999],"prompt":""}""",
        }.Select(Encoding.UTF8.GetBytes)];
        int good = 0, bad = 0;
        for (int i = 0; i < 1500; i++)
        {
            byte[] body = Mutate(random, seeds[i % seeds.Length]);
            string path = (i % 4) switch { 0 => "/tokenize", 1 => "/detokenize", _ => Path };
            var content = new ByteArrayContent(body);
            content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
            using HttpResponseMessage response = await server.Send(HttpMethod.Post, path, content);
            if ((int)response.StatusCode == 200)
                good++;
            else
            {
                await RunningServer.Error(response, (int)response.StatusCode);
                Assert.That((int)response.StatusCode, Is.InRange(400, 499),
                    Convert.ToBase64String(body) + string.Join('\n', server.Log));
                bad++;
            }
        }
        Assert.That(good, Is.GreaterThan(50));
        Assert.That(bad, Is.GreaterThan(500));
        await Alive(server);
    }

    static byte[] Mutate(Random random, byte[] seed)
    {
        List<byte> bytes = [.. seed];
        for (int change = random.Next(4); change > 0 && bytes.Count > 0; change--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 8), bytes.Count - at));
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 30), bytes.Count - at)));
                    break;
                case 3:
                    bytes.Insert(at, (byte)"[]{}\",:\\0-e."[random.Next(12)]);
                    break;
                default:
                    bytes.InsertRange(at, Encoding.ASCII.GetBytes(
                        ((string[])["\\ud800", "1e999", "NaN", "[[[[[[[[", "null", "\0"])[random.Next(6)]));
                    break;
            }
        }
        return [.. bytes];
    }

    static Task<int> Send(Socket socket, string body) => socket.SendAsync(Encoding.UTF8.GetBytes(
        $"POST {Path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"));

    static async Task Alive(RunningServer server)
    {
        JsonNode json = await RunningServer.Json(await server.Post(Path, """{"prompt":"still here"}"""));
        Assert.That((string)json["echo"]!["prompt"]!, Is.EqualTo("still here"));
    }
}
