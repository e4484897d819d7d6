using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Jobs;

namespace HeadTap.Serve.Tests;

/// <summary>Streams that have nothing to tell for a while.</summary>
public sealed class SilentStreamTests
{
    const string Path = "/v1/completions";

    [Test]
    public async Task A_silent_stream_says_every_15_seconds_that_it_is_alive()
    {
        var clock = new SteppedClock();
        var endpoint = new SlowStream();
        await using RunningServer server = await RunningServer.Start(
            new ServerOptions { StreamClock = clock }, null, endpoint);
        Task<HttpResponseMessage> asked = Begin(server.Client, "{}");
        await RunningServer.Until(() => clock.Waiting == 1, "the first silence");
        clock.Advance(14.9);
        Assert.That(asked.IsCompleted, Is.False);
        clock.Advance(0.2);
        using HttpResponseMessage reply = await asked;
        Assert.That((int)reply.StatusCode, Is.EqualTo(200));
        Assert.That(reply.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/event-stream"));
        using var lines = new StreamReader(await reply.Content.ReadAsStreamAsync());
        Assert.That(await Read(lines, 2), Is.EqualTo(": alive||"));
        await RunningServer.Until(() => clock.Waiting == 1, "the second silence");
        clock.Advance(15.1);
        Assert.That(await Read(lines, 2), Is.EqualTo(": alive||"));
        endpoint.Go("{\"n\":1}");
        Assert.That(await Read(lines, 2), Is.EqualTo("data: {\"n\":1}||"));
        await RunningServer.Until(() => clock.Waiting == 1, "the silence between two events");
        clock.Advance(15.1);
        Assert.That(await Read(lines, 2), Is.EqualTo(": alive||"));
        endpoint.Go(null);
        Assert.That(await lines.ReadToEndAsync(), Is.EqualTo("data: [DONE]\n\n"));
        Assert.That(clock.Waiting, Is.Zero);
    }

    [Test]
    public async Task An_error_after_a_comment_is_a_frame_and_one_before_has_its_status()
    {
        var clock = new SteppedClock();
        var endpoint = new SlowStream { Error = new ApiError(503, "no room") };
        await using RunningServer server = await RunningServer.Start(
            new ServerOptions { StreamClock = clock }, null, endpoint);
        Task<HttpResponseMessage> early = Begin(server.Client, "{}");
        await RunningServer.Until(() => clock.Waiting == 1, "the silence");
        endpoint.Go(null);
        await RunningServer.Error(await early, 503);
        Task<HttpResponseMessage> late = Begin(server.Client, "{}");
        await RunningServer.Until(() => clock.Waiting == 1, "the silence");
        clock.Advance(16);
        using HttpResponseMessage reply = await late;
        endpoint.Go(null);
        Assert.That(await reply.Content.ReadAsStringAsync(), Does.Match(
            "^: alive\n\ndata: \\{\"error\":\\{\"message\":\"no room\".*\\}\\}\n\n$"));
    }

    [Test]
    public async Task A_client_that_goes_away_in_the_silence_is_heard()
    {
        var clock = new SteppedClock();
        var endpoint = new SlowStream();
        await using RunningServer server = await RunningServer.Start(
            new ServerOptions { StreamClock = clock }, null, endpoint);
        Task<HttpResponseMessage> asked = Begin(server.Client, "{}");
        await RunningServer.Until(() => clock.Waiting == 1, "the silence");
        clock.Advance(16);
        (await asked).Dispose();
        await RunningServer.Until(() => endpoint.Left == 1, "the endpoint hears it");
    }

    [Test]
    public async Task A_queued_stream_says_how_many_come_before_it()
    {
        var clock = new SteppedClock();
        await using AtlasServer server = await AtlasServer.Start(
            new ServerOptions { StreamClock = clock }, new WorkerOptions { Rows = 1 });
        // 64 texts of the first are queued at once, and there is one row.
        Task<HttpResponseMessage> first = Begin(server.Client, Ask(choices: 100, stream: false));
        await Count(server, "headtap_num_requests_waiting", 63);
        var asked = new List<Task<HttpResponseMessage>>();
        for (int i = 0; i < 2; i++)
        {
            asked.Add(Begin(server.Client, Ask(choices: 1, stream: true)));
            await RunningServer.Until(() => clock.Waiting == i + 1, "a silence");
            await Count(server, "headtap_num_requests_waiting", 64 + i);
        }
        clock.Advance(16);
        for (int i = 0; i < 2; i++)
        {
            using HttpResponseMessage reply = await asked[i];
            using var lines = new StreamReader(await reply.Content.ReadAsStreamAsync());
            Assert.That(await lines.ReadLineAsync(), Is.EqualTo($": waiting, {i + 1} before you"));
        }
        server.Client.CancelPendingRequests();
        Assert.That(async () => await first, Throws.InstanceOf<OperationCanceledException>());
    }

    static string Ask(int choices, bool stream) => new JsonObject
    {
        ["model"] = "atlas", ["prompt"] = "The", ["stream"] = stream, ["max_tokens"] = 120,
        ["n"] = choices, ["ignore_eos"] = true,
    }.ToJsonString();

    static async Task Count(AtlasServer server, string gauge, int count)
    {
        string line = $"{gauge}{{model_name=\"atlas\"}} {count}\n", text = "";
        for (int i = 0; i < 1000; i++, await Task.Delay(5))
            if ((text = await server.Client.GetStringAsync("/metrics")).Contains(line))
                return;
        Assert.Fail(text);
    }

    static Task<HttpResponseMessage> Begin(HttpClient client, string json)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        };
        return client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    static async Task<string> Read(StreamReader lines, int count)
    {
        var text = new StringBuilder();
        for (int i = 0; i < count; i++)
            text.Append(await lines.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(20))).Append('|');
        return text.ToString();
    }

    // Sends an event when it is told to.
    sealed class SlowStream : IEndpoint
    {
        readonly System.Threading.Channels.Channel<string?> _events =
            System.Threading.Channels.Channel.CreateUnbounded<string?>();
        int _left;

        public string Path => SilentStreamTests.Path;

        public Right Right => Right.Query;

        public ApiError? Error { get; init; }

        public int Left => Volatile.Read(ref _left);

        public void Go(string? json) => _events.Writer.TryWrite(json);

        public Task<Reply> Answer(EndpointRequest request)
            => Task.FromResult<Reply>(new EventsReply(Events()));

        async IAsyncEnumerable<string> Events(
            [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel = default)
        {
            while (true)
            {
                string? json;
                try
                {
                    json = await _events.Reader.ReadAsync(cancel);
                }
                finally
                {
                    if (cancel.IsCancellationRequested)
                        Interlocked.Increment(ref _left);
                }
                if (json is null && Error is not null)
                    throw Error;
                if (json is null)
                    yield break;
                yield return json;
            }
        }
    }
}
