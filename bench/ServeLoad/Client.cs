using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.ServeLoad;

/// <summary>Times of one streamed text.</summary>
/// <param name="Tokens">Events with a piece of text.</param>
/// <param name="First">Seconds to the first of them.</param>
/// <param name="Between">Seconds from each to the next.</param>
sealed record Streamed(int Tokens, double First, List<double> Between);

/// <summary>A client of the server.</summary>
sealed class Client : IDisposable
{
    readonly HttpClient _http;

    internal Client(string address, Options options)
    {
        Options = options;
        _http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 4096 })
        {
            BaseAddress = new Uri(address), Timeout = TimeSpan.FromMinutes(20),
        };
    }

    Options Options { get; }

    internal JsonObject Completion(int number, int? tokens = null) => new()
    {
        ["model"] = Options.Model,
        ["prompt"] = new JsonArray([.. Options.PromptIds(number).Select(i => (JsonNode)i)]),
        ["max_tokens"] = tokens ?? Options.Tokens, ["temperature"] = 0, ["ignore_eos"] = true,
    };

    internal async Task<string> Post(string path, JsonObject body, CancellationToken cancel = default)
    {
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using HttpResponseMessage reply = await _http.PostAsync(path, content, cancel);
        string text = await reply.Content.ReadAsStringAsync(cancel);
        if (reply.StatusCode != HttpStatusCode.OK)
            throw new InvalidOperationException($"{(int)reply.StatusCode}: {text}");
        return text;
    }

    internal async Task<Streamed> Stream(JsonObject body, CancellationToken cancel = default)
    {
        body["stream"] = true;
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = content };
        long start = Stopwatch.GetTimestamp();
        using HttpResponseMessage reply = await _http.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, cancel);
        if (reply.StatusCode != HttpStatusCode.OK)
            throw new InvalidOperationException(await reply.Content.ReadAsStringAsync(cancel));
        using var reader = new StreamReader(await reply.Content.ReadAsStreamAsync(cancel));
        int tokens = 0;
        double first = 0;
        long last = start;
        List<double> between = [];
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            if (!line.StartsWith("data: {", StringComparison.Ordinal) || !line.Contains("\"text\":"))
                continue;
            long now = Stopwatch.GetTimestamp();
            if (tokens++ == 0)
                first = Stopwatch.GetElapsedTime(start, now).TotalSeconds;
            else
                between.Add(Stopwatch.GetElapsedTime(last, now).TotalSeconds);
            last = now;
        }
        return new Streamed(tokens, first, between);
    }

    internal Task<string> Get(string path) => _http.GetStringAsync(path);

    public void Dispose() => _http.Dispose();
}
