using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Jobs;

namespace HeadTap.Serve.Tests;

/// <summary>A server with the atlas model, and its client.</summary>
sealed class AtlasServer : IAsyncDisposable
{
    AtlasServer(ModelServer server)
        => (Server, Client) = (server, new HttpClient { BaseAddress = server.Address });

    public ModelServer Server { get; }

    public HttpClient Client { get; }

    public static async Task<AtlasServer> Start(ServerOptions? options = null, WorkerOptions? sizes = null,
        params (string Name, string Folder)[] lenses)
    {
        ModelServer server = await ModelServer.Start((options ?? new ServerOptions()) with
        {
            Listen = new IPEndPoint(IPAddress.Loopback, 0),
        }, [new NamedFolder("atlas", RunningServer.AtlasFolder) { Lenses = lenses }],
            sizes ?? new WorkerOptions(), new JobContext { DeviceName = "cpu" });
        await server.Loading;
        return new AtlasServer(server);
    }

    public async Task<(int Status, string Text)> Post(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using HttpResponseMessage reply = await Client.PostAsync(path, content);
        return ((int)reply.StatusCode, await reply.Content.ReadAsStringAsync());
    }

    /// <summary>The JSON of a reply that must be a success.</summary>
    public async Task<JsonNode> Ask(string path, string json)
    {
        (int status, string text) = await Post(path, json);
        Assert.That(status, Is.EqualTo(200), text);
        return JsonNode.Parse(text)!;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Server.DisposeAsync();
    }
}
