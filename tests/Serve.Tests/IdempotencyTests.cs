using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Serve.Tests;

/// <summary><c>Idempotency-Key</c> of <c>POST /v1/batches</c>.</summary>
public sealed class IdempotencyTests
{
    [Test]
    public async Task The_same_key_and_body_make_one_batch_also_after_a_restart()
    {
        using var folder = new ScratchFolder();
        string first, other, body;
        await using (RunningServer server = await Start(folder))
        {
            body = Body(await FileRouteTests.IdOf(server, "\n\n"u8.ToArray()));
            first = await Text(await Post(server, body, "k"));
            Assert.That(await Text(await Post(server, body, "k")), Is.EqualTo(first));
            other = await Text(await Post(server, body, "l"));
            Assert.That(Id(other), Is.Not.EqualTo(Id(first)));
            Assert.That(Id(await Text(await Post(server, body, null))), Is.Not.EqualTo(Id(first)));
        }
        await using RunningServer again = await Start(folder);
        Assert.That(await Text(await Post(again, body, "k")), Is.EqualTo(first));
        JsonNode list = await RunningServer.Json(await again.Get("/v1/batches"));
        Assert.That(list["data"]!.AsArray(), Has.Count.EqualTo(3));
        Assert.That(list.ToJsonString(), Does.Not.Contain("idempotency"));
    }

    [Test]
    public async Task Another_body_is_a_conflict_and_a_refused_request_leaves_its_key_free()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        await RunningServer.Error(await Post(server, "{}", "k"), 400);
        string body = Body(await FileRouteTests.IdOf(server, "\n\n"u8.ToArray()));
        await RunningServer.Error(await Post(server, body, ""), 400);
        await RunningServer.Error(await Post(server, body, new string('x', 256)), 400);
        await Text(await Post(server, body, "k"));
        using HttpResponseMessage conflict = await Post(server, body + " ", "k");
        Assert.That(conflict.Headers.GetValues("x-should-retry").Single(), Is.EqualTo("false"));
        JsonNode error = await RunningServer.Error(conflict, 409);
        Assert.That((string)error["code"]!, Is.EqualTo("idempotency_conflict"));
    }

    static string Body(string file) => $$"""{"endpoint":"/v1/completions","input_file_id":"{{file}}"}""";

    static string Id(string json) => (string)JsonNode.Parse(json)!["id"]!;

    static Task<RunningServer> Start(ScratchFolder folder)
        => RunningServer.Start(new ServerOptions { DataFolder = folder.Path }, null, new EchoEndpoint());

    static async Task<HttpResponseMessage> Post(RunningServer server, string body, string? key)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/batches") { Content = content };
        if (key is not null)
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return await server.Client.SendAsync(request);
    }

    static async Task<string> Text(HttpResponseMessage response)
        => (await RunningServer.Json(response)).ToJsonString();
}
