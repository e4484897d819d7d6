using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Serve.Tests;

/// <summary><c>/v1/batches</c>.</summary>
public sealed class BatchRouteTests
{
    [Test]
    public async Task Every_line_is_answered_once_and_bad_lines_go_to_the_error_file()
    {
        using var folder = new ScratchFolder();
        var echo = new EchoEndpoint();
        await using RunningServer server = await Start(folder, echo);
        string[] lines =
        [
            Line("a", """{"prompt":"one"}"""), Line("b", """{"do":"user"}"""), "{not json", "",
            Line("a", """{"prompt":"again"}"""), Line("c", """{"do":"defect"}"""),
            """{"custom_id":"d","method":"GET","url":"/v1/completions","body":{}}""",
            """{"custom_id":"e","method":"POST","url":"/v1/embeddings","body":{}}""",
            """{"custom_id":"f","method":"POST","url":"/v1/completions","body":[]}""",
            """{"method":"POST","url":"/v1/completions","body":{}}""",
            Line("g", """{"do":"stream","n":1}"""), Line("h", """{"prompt":"zwölf"}"""),
        ];
        JsonNode batch = await Run(server, string.Join('\n', lines));
        Assert.That((string)batch["status"]!, Is.EqualTo("completed"), batch.ToJsonString());
        Assert.That(batch["request_counts"]!.ToJsonString(),
            Is.EqualTo("""{"total":11,"completed":2,"failed":9}"""));
        JsonNode[] output = await Lines(server, batch["output_file_id"]!);
        Assert.That(output.Select(l => (string)l["custom_id"]!), Is.EquivalentTo((string[])["a", "h"]));
        JsonNode last = output.Single(l => (string)l["custom_id"]! == "h");
        Assert.That((int)last["response"]!["status_code"]!, Is.EqualTo(200));
        Assert.That((string)last["response"]!["body"]!["echo"]!["prompt"]!, Is.EqualTo("zwölf"));
        Assert.That(last["error"], Is.Null);
        JsonNode[] errors = await Lines(server, batch["error_file_id"]!);
        Assert.That(errors.Select(l => (int)l["line"]!).Order(),
            Is.EqualTo((int[])[2, 3, 5, 6, 7, 8, 9, 10, 11]));
        JsonNode user = errors.Single(l => (string?)l["custom_id"] == "b");
        Assert.That((int)user["response"]!["status_code"]!, Is.EqualTo(400));
        Assert.That((string)errors.Single(l => (int)l["line"]! == 5)["error"]!["message"]!,
            Is.EqualTo("line 5: custom_id \"a\" is there twice"));
        Assert.That(string.Concat(errors.Select(e => e.ToJsonString())), Does.Not.Contain("secret"));
    }

    [Test]
    public async Task A_batch_goes_on_after_a_restart_where_it_was()
    {
        using var folder = new ScratchFolder();
        var seen = new System.Collections.Concurrent.ConcurrentBag<int>();
        string id, input = Numbers(40);
        EchoEndpoint slow = new()
        {
            Before = async request =>
            {
                int i = request.Body.GetProperty("i").GetInt32();
                if (i >= 15)
                    await Task.Delay(Timeout.Infinite, request.Aborted);
                seen.Add(i);
            },
        };
        await using (RunningServer server = await Start(folder, slow))
        {
            id = await Create(server, input);
            await RunningServer.Until(() => seen.Count >= 15, "the first lines");
        }
        // What a killed server leaves: half a line.
        string output = folder.At("batches", id, "output.jsonl");
        Assert.That(File.ReadAllLines(output), Has.Length.EqualTo(15));
        await File.AppendAllTextAsync(output, "{\"id\":\"batch_req_0\",\"custom_id\":\"c15\",\"line\":16");
        EchoEndpoint fast = new() { Before = request =>
        {
            seen.Add(request.Body.GetProperty("i").GetInt32());
            return Task.CompletedTask;
        } };
        await using RunningServer again = await Start(folder, fast);
        JsonNode batch = await Over(again, id);
        Assert.That((string)batch["status"]!, Is.EqualTo("completed"));
        Assert.That(batch["request_counts"]!.ToJsonString(),
            Is.EqualTo("""{"total":40,"completed":40,"failed":0}"""));
        JsonNode[] lines = await Lines(again, batch["output_file_id"]!);
        Assert.That(lines.Select(l => (string)l["custom_id"]!).Order(),
            Is.EqualTo(Enumerable.Range(0, 40).Select(i => $"c{i}").Order()));
        Assert.That(seen, Is.EquivalentTo(Enumerable.Range(0, 40)), "each line is asked once");
        Assert.That(batch["error_file_id"], Is.Null);
    }

    [Test]
    public async Task A_batch_that_is_cancelled_keeps_what_it_has()
    {
        using var folder = new ScratchFolder();
        int answered = 0;
        EchoEndpoint echo = new()
        {
            Before = async request =>
            {
                if (request.Body.GetProperty("i").GetInt32() >= 3)
                    await Task.Delay(Timeout.Infinite, request.Aborted);
                Interlocked.Increment(ref answered);
            },
        };
        await using RunningServer server = await Start(folder, echo);
        string id = await Create(server,
            Numbers(10));
        await RunningServer.Until(() => answered == 3, "three lines");
        JsonNode asked = await RunningServer.Json(
            await server.Send(HttpMethod.Post, $"/v1/batches/{id}/cancel", null));
        Assert.That((string)asked["status"]!, Is.EqualTo("cancelling").Or.EqualTo("cancelled"));
        JsonNode batch = await Over(server, id);
        Assert.That((string)batch["status"]!, Is.EqualTo("cancelled"));
        Assert.That(await Lines(server, batch["output_file_id"]!), Has.Length.EqualTo(3));
        Assert.That((long?)batch["cancelled_at"], Is.Not.Null);
    }

    [Test]
    public async Task A_full_queue_is_waited_for()
    {
        using var folder = new ScratchFolder();
        int asked = 0;
        EchoEndpoint echo = new()
        {
            Before = _ => Interlocked.Increment(ref asked) == 1
                ? throw ApiError.TooMany("full", TimeSpan.FromMilliseconds(50)) : Task.CompletedTask,
        };
        await using RunningServer server = await Start(folder, echo);
        JsonNode batch = await Run(server, Line("a", "{}"));
        Assert.That(batch["request_counts"]!.ToJsonString(),
            Is.EqualTo("""{"total":1,"completed":1,"failed":0}"""));
        Assert.That(asked, Is.EqualTo(2));
    }

    [Test]
    public async Task Wrong_batches_are_refused_and_empty_ones_fail()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder, new EchoEndpoint());
        string file = await FileRouteTests.IdOf(server, "\n\n"u8.ToArray());
        foreach ((string body, int status) in new[]
        {
            ("{}", 400), ($$"""{"endpoint":"/v1/chat","input_file_id":"{{file}}"}""", 400),
            ("""{"endpoint":"/v1/completions","input_file_id":"../../x"}""", 404),
            ($$"""{"endpoint":"/v1/completions","input_file_id":"{{file}}","completion_window":"1h"}""", 400),
            ($$"""{"endpoint":"/v1/completions","input_file_id":"{{file}}","metadata":[]}""", 400),
            ($$"""{"endpoint":"/v1/completions","input_file_id":"{{file}}","windw":1}""", 400),
        })
            await RunningServer.Error(await server.Post("/v1/batches", body), status);
        JsonNode batch = await Run(server, "\n\n");
        Assert.That((string)batch["status"]!, Is.EqualTo("failed"));
        Assert.That((string)batch["errors"]!["data"]![0]!["code"]!, Is.EqualTo("empty_file"));
    }

    [Test]
    public async Task Another_keys_batch_is_not_there_and_a_removed_keys_batch_fails()
    {
        using var folder = new ScratchFolder();
        string keys = folder.At("keys.json");
        string anna = KeyFile.Add(keys, "anna", [Right.Query]), ben = KeyFile.Add(keys, "ben", [Right.Query]);
        var options = new ServerOptions { DataFolder = folder.At("data"), KeysFile = keys };
        EchoEndpoint stuck = new() { Before = r => Task.Delay(Timeout.Infinite, r.Aborted) };
        string id;
        await using (RunningServer server = await RunningServer.Start(options, anna, stuck))
        {
            id = await Create(server, Line("a", "{}"));
            await RunningServer.Error(await server.Get($"/v1/batches/{id}", ben), 404);
            await RunningServer.Error(
                await server.Send(HttpMethod.Post, $"/v1/batches/{id}/cancel", null, ben), 404);
            JsonNode list = await RunningServer.Json(await server.Get("/v1/batches", ben));
            Assert.That(list["data"]!.AsArray(), Is.Empty);
            Assert.That((await RunningServer.Json(await server.Get("/v1/batches")))["data"]!.AsArray(),
                Has.Count.EqualTo(1));
            await RunningServer.Until(() => stuck.Answered == 1, "the line");
        }
        KeyFile.Remove(keys, "anna");
        var echo = new EchoEndpoint();
        await using (RunningServer server = await RunningServer.Start(options, ben, echo))
            await RunningServer.Until(() => File.ReadAllText(
                folder.At("data", "batches", id, "batch.json")).Contains("\"failed_at\": 1"), "the failure");
        Assert.That(echo.Answered, Is.Zero);
    }

    static string Line(string id, string body)
        => $$"""{"custom_id":"{{id}}","method":"POST","url":"/v1/completions","body":{{body}}}""";

    static string Numbers(int count) => string.Join('\n',
        Enumerable.Range(0, count).Select(i => Line($"c{i}", $$"""{"i":{{i}}}""")));

    static Task<RunningServer> Start(ScratchFolder folder, IEndpoint endpoint)
        => RunningServer.Start(new ServerOptions { DataFolder = folder.Path }, null, endpoint);

    static async Task<string> Create(RunningServer server, string input)
    {
        string file = await FileRouteTests.IdOf(server, Encoding.UTF8.GetBytes(input));
        JsonNode batch = await RunningServer.Json(await server.Post("/v1/batches",
            $$"""{"endpoint":"/v1/completions","input_file_id":"{{file}}","completion_window":"24h"}"""));
        Assert.That(batch["owner"], Is.Null);
        return (string)batch["id"]!;
    }

    static async Task<JsonNode> Run(RunningServer server, string input)
        => await Over(server, await Create(server, input));

    static async Task<JsonNode> Over(RunningServer server, string id)
    {
        for (int i = 0; i < 2000; i++)
        {
            JsonNode batch = await RunningServer.Json(await server.Get($"/v1/batches/{id}"));
            if ((string)batch["status"]! is "completed" or "failed" or "cancelled")
                return batch;
            await Task.Delay(10);
        }
        throw new AssertionException("the batch does not end");
    }

    static async Task<JsonNode[]> Lines(RunningServer server, JsonNode file)
    {
        using HttpResponseMessage content = await server.Get($"/v1/files/{(string)file!}/content");
        string text = await content.Content.ReadAsStringAsync();
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonNode.Parse(l)!)];
    }
}
