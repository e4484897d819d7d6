using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Serve.Tests;

/// <summary>A server on any free port of this machine, and its client.</summary>
sealed class RunningServer : IAsyncDisposable
{
    public static ModelCard Card { get; } = new("toy", 1_700_000_000, new string('a', 64), "parent-model",
        null, 128, 2540, 5, 6, 192, "fp32", "MIT");

    readonly HttpClient _client;

    RunningServer(HeadTapServer server, ServerMeters meters, ConcurrentQueue<string> log, string? key)
    {
        (Server, Meters, Log) = (server, meters, log);
        _client = new HttpClient { BaseAddress = server.Address };
        if (key is not null)
            _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    public HeadTapServer Server { get; }

    public ServerMeters Meters { get; }

    public ConcurrentQueue<string> Log { get; }

    public HttpClient Client => _client;

    public static Task<RunningServer> Start(params IEndpoint[] endpoints)
        => Start(new ServerOptions(), null, endpoints);

    public static Task<RunningServer> Start(
        ServerOptions options, string? key, params IEndpoint[] endpoints)
        => Start(options, key, null, null, endpoints);

    /// <summary>With jobs, and a folder that they may read the model from.</summary>
    public static async Task<RunningServer> Start(ServerOptions options, string? key, IJobVerbs? verbs,
        string? folder, params IEndpoint[] endpoints)
    {
        var log = new ConcurrentQueue<string>();
        var meters = new ServerMeters();
        var models = new ServedModels(["toy"]);
        models.Add(new ServedModel(Card, Tokenizer) { Folder = folder });
        HeadTapServer server = await HeadTapServer.Start(options with
        {
            Listen = new IPEndPoint(IPAddress.Loopback, 0), Log = log.Enqueue,
        }, endpoints, models, meters, verbs: verbs);
        return new RunningServer(server, meters, log, key);
    }

    /// <summary>The tokenizer of the atlas.</summary>
    public static ByteBpeTokenizer Tokenizer { get; } = ByteBpeTokenizer.Load(AtlasFolder);

    public static string AtlasFolder
    {
        get
        {
            string at = TestContext.CurrentContext.TestDirectory;
            while (!File.Exists(Path.Combine(at, "HeadTap.slnx")))
                at = Path.GetDirectoryName(at)!;
            return Path.Combine(at, "weights", "atlas");
        }
    }

    public Task<HttpResponseMessage> Post(string path, string json, string? key = null)
        => Send(HttpMethod.Post, path, new StringContent(json, Encoding.UTF8, "application/json"), key);

    public Task<HttpResponseMessage> Get(string path, string? key = null)
        => Send(HttpMethod.Get, path, null, key);

    public async Task<HttpResponseMessage> Send(
        HttpMethod method, string path, HttpContent? content, string? key = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await _client.SendAsync(request);
    }

    /// <summary>A raw connection.</summary>
    public async Task<Socket> Connect()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, Server.Address.Port);
        return socket;
    }

    /// <summary>What a server sends on a raw connection until it closes, at most for some seconds.</summary>
    public static async Task<string> ReadAll(Socket socket, double seconds = 20)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        try
        {
            for (int read; (read = await socket.ReceiveAsync(buffer, late.Token)) > 0;)
                text.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }
        catch (SocketException)
        {
        }
        return text.ToString();
    }

    /// <summary>Demands an error object with all four keys.</summary>
    public static async Task<JsonNode> Error(HttpResponseMessage response, int status)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.That((int)response.StatusCode, Is.EqualTo(status), text);
        JsonObject error = JsonNode.Parse(text)!["error"]!.AsObject();
        Assert.That(error.Select(e => e.Key), Is.EqualTo((string[])["message", "type", "param", "code"]));
        Assert.That((string)error["message"]!,
            Is.Not.Empty.And.Not.Contains("\n").And.Not.Contains("   at "));
        return error;
    }

    public static async Task<JsonNode> Json(HttpResponseMessage response)
    {
        string text = await response.Content.ReadAsStringAsync();
        Assert.That((int)response.StatusCode, Is.EqualTo(200), text);
        return JsonNode.Parse(text)!;
    }

    /// <summary>Waits until something holds.</summary>
    public static async Task Until(Func<bool> holds, string what, double seconds = 20)
    {
        long began = System.Diagnostics.Stopwatch.GetTimestamp();
        while (!holds())
        {
            if (System.Diagnostics.Stopwatch.GetElapsedTime(began).TotalSeconds > seconds)
                Assert.Fail("waited in vain: " + what);
            await Task.Delay(10);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await Server.DisposeAsync();
        Meters.Dispose();
    }
}
