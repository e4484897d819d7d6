#pragma warning disable OPENAI001 // its client of batches is called experimental
using System.ClientModel;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.Batch;
using OpenAI.Embeddings;
using OpenAI.Files;

namespace HeadTap.Serve.Tests;

/// <summary>OpenAI's own client for .NET against the server. It has no completions;
/// bench/serve/conformance.mjs
/// holds those against the client for Node.</summary>
public sealed class OpenAiClientTests
{
    string _folder = "";
    AtlasServer _server = null!;
    OpenAIClient _client = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _folder = Directory.CreateTempSubdirectory("headtap-serve-").FullName;
        _server = await AtlasServer.Start(new ServerOptions { DataFolder = _folder });
        _client = new OpenAIClient(new ApiKeyCredential("none"),
            new OpenAIClientOptions { Endpoint = new Uri(_server.Server.Address, "v1") });
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task It_lists_models()
    {
        var models = (await _client.GetOpenAIModelClient().GetModelsAsync()).Value;
        Assert.That(models.Select(m => m.Id), Is.EqualTo((string[])["atlas"]));
        Assert.That((await _client.GetOpenAIModelClient().GetModelAsync("atlas")).Value.CreatedAt.Year,
            Is.GreaterThan(2000));
    }

    // It asks for base64 always.
    [Test]
    public async Task Its_embeddings_are_those_of_the_floats()
    {
        string[] texts = ["The capital of France is", "one"];
        OpenAIEmbeddingCollection found = (await _client.GetEmbeddingClient("atlas")
            .GenerateEmbeddingsAsync(texts)).Value;
        JsonNode json = await _server.Ask("/v1/embeddings", new JsonObject
        {
            ["model"] = "atlas", ["input"] = new JsonArray([.. texts.Select(t => (JsonNode)t)]),
        }.ToJsonString());
        Assert.That(found, Has.Count.EqualTo(2));
        for (int i = 0; i < 2; i++)
            Assert.That(found[i].ToFloats().ToArray(), Is.EqualTo(
                json["data"]![i]!["embedding"]!.AsArray().Select(v => (float)v!).ToArray()));
        Assert.That(found[0].ToFloats().ToArray(), Has.Some.Not.Zero);
        Assert.That(found.Usage.InputTokenCount, Is.EqualTo((int)json["usage"]!["prompt_tokens"]!));
    }

    [Test]
    public async Task It_uploads_files_and_runs_a_batch()
    {
        OpenAIFileClient files = _client.GetOpenAIFileClient();
        string lines = string.Join('\n', Enumerable.Range(1, 3).Select(i => new JsonObject
        {
            ["custom_id"] = $"r{i}", ["method"] = "POST", ["url"] = "/v1/completions",
            ["body"] = new JsonObject
            {
                ["model"] = "atlas", ["prompt"] = "The capital of France is", ["max_tokens"] = i,
                ["temperature"] = 0,
            },
        }.ToJsonString()));
        OpenAIFile file = await files.UploadFileAsync(BinaryData.FromString(lines), "in.jsonl",
            FileUploadPurpose.Batch);
        Assert.That((await files.GetFileAsync(file.Id)).Value.Filename, Is.EqualTo("in.jsonl"));
        BatchClient batches = _client.GetBatchClient();
        CreateBatchOperation batch = await batches.CreateBatchAsync(BinaryContent.Create(
            BinaryData.FromString(
            new JsonObject
            {
                ["input_file_id"] = file.Id, ["endpoint"] = "/v1/completions", ["completion_window"] = "24h",
            }.ToJsonString())), waitUntilCompleted: false);
        JsonNode state = await State();
        for (int i = 0; i < 600 && (string?)state["status"] != "completed"; i++)
        {
            await Task.Delay(50);
            state = await State();
        }
        Assert.That((string?)state["status"], Is.EqualTo("completed"), state.ToJsonString());
        string output = (await files.DownloadFileAsync((string)state["output_file_id"]!)).Value.ToString();
        JsonNode[] rows = [.. output.Trim().Split('\n').Select(l => JsonNode.Parse(l)!)];
        Assert.That(rows.Select(r => (string?)r["custom_id"]).Order(), Is.EqualTo((string[])["r1", "r2",
            "r3"]));
        foreach (JsonNode row in rows)
            Assert.That($"r{row["response"]!["body"]!["usage"]!["completion_tokens"]}",
                Is.EqualTo((string?)row["custom_id"]));
        Assert.That((await files.DeleteFileAsync(file.Id)).Value.Deleted, Is.True);

        async Task<JsonNode> State() => JsonNode.Parse((await batches.GetBatchAsync(
            batch.BatchId, new System.ClientModel.Primitives.RequestOptions())).GetRawResponse().Content)!;
    }

    [Test]
    public void Errors_have_their_status_and_words()
    {
        ClientResultException error = Assert.ThrowsAsync<ClientResultException>(
            () => _client.GetEmbeddingClient("none").GenerateEmbeddingsAsync(["one"]))!;
        Assert.That(error.Status, Is.EqualTo(404));
        Assert.That(error.Message, Does.Contain("model_not_found"));
    }
}
