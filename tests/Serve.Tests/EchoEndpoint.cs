using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Serve.Tests;

/// <summary>An endpoint that does what its body asks for: echo, fail, wait, stream.</summary>
sealed class EchoEndpoint(string path = "/v1/completions", Right right = Right.Query) : IEndpoint
{
    int _answered, _aborted;

    public string Path => path;

    public Right Right => right;

    /// <summary>Requests that reached it.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Requests whose client went away while it worked.</summary>
    public int Aborted => Volatile.Read(ref _aborted);

    /// <summary>Runs before each answer.</summary>
    public Func<EndpointRequest, Task> Before { get; set; } = _ => Task.CompletedTask;

    public async Task<Reply> Answer(EndpointRequest request)
    {
        Interlocked.Increment(ref _answered);
        await Before(request);
        switch (Text(request, "do"))
        {
            case "user":
                throw new UserException($"{Field.Of("Prompt")} is empty; expected a text");
            case "defect":
                throw new InvalidOperationException("a secret: " + Environment.CurrentDirectory);
            case "busy":
                throw ApiError.TooMany("the queue is full: 4 of 4", TimeSpan.FromSeconds(2.2));
            case "hopeless":
                throw new ApiError(429, "the plan exceeds the memory", shouldRetry: false);
            case "wait":
                await Wait(request.Aborted);
                break;
            case "nan":
                return new JsonReply(200, new JsonObject { ["value"] = double.NaN });
            case "bytes":
                return new BytesReply(200, "application/octet-stream",
                    async (body, cancel) => await body.WriteAsync(new byte[] { 0, 1, 255 }, cancel),
                    [("x-shape", "3")]);
            case "flood":
                return new BytesReply(200, "application/octet-stream", Flood);
            case "stream":
                return new EventsReply(Stream(request, request.Body.GetProperty("n").GetInt32(),
                    Text(request, "fail")));
        }
        if (request.Body.ValueKind == JsonValueKind.Object
            && request.Body.TryGetProperty("charge", out JsonElement tokens))
            request.Charge(tokens.GetInt32());
        return new JsonReply(200, new JsonObject
        {
            ["echo"] = request.Body.ValueKind == JsonValueKind.Undefined ? null
                : JsonNode.Parse(request.Body.GetRawText()),
            ["caller"] = request.Caller.Name,
            ["id"] = request.RequestId,
        });
    }

    static string? Text(EndpointRequest request, string name)
        => request.Body.ValueKind == JsonValueKind.Object
            && request.Body.TryGetProperty(name, out JsonElement value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    async Task Wait(CancellationToken cancel)
    {
        try
        {
            await Task.Delay(TimeSpan.FromMinutes(1), cancel);
        }
        catch (OperationCanceledException)
        {
            Interlocked.Increment(ref _aborted);
            throw;
        }
    }

    static async Task Flood(Stream body, CancellationToken cancel)
    {
        byte[] block = new byte[1 << 16];
        for (int i = 0; i < 4096; i++)
            await body.WriteAsync(block, cancel);
    }

    async IAsyncEnumerable<string> Stream(EndpointRequest request, int n, string? fail,
        [EnumeratorCancellation] CancellationToken cancel = default)
    {
        if (fail == "first")
            throw new ApiError(503, "no room", retryAfter: TimeSpan.FromSeconds(1));
        for (int i = 0; i < n; i++)
        {
            if (i > 0 && Text(request, "pace") == "slow")
                try
                {
                    await Task.Delay(20, cancel);
                }
                finally
                {
                    if (cancel.IsCancellationRequested)
                        Interlocked.Increment(ref _aborted);
                }
            yield return new JsonObject { ["i"] = i, ["fill"] = Fill(request) }.ToJsonString();
        }
        if (fail == "later")
            throw new ApiError(500, "it broke");
        if (fail == "defect")
            throw new InvalidOperationException("a secret");
    }

    static string Fill(EndpointRequest request)
        => request.Body.TryGetProperty("fill", out JsonElement size) ? new string('x', size.GetInt32()) : "";
}
