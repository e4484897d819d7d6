using System.Text.Json.Nodes;

namespace HeadTap.Serve.Tests;

/// <summary>Models, health, metrics, tokens.</summary>
public sealed class ModelRouteTests
{
    [Test]
    public async Task Models_are_listed_with_their_facts()
    {
        await using RunningServer server = await RunningServer.Start();
        JsonNode list = await RunningServer.Json(await server.Get("/v1/models"));
        Assert.That((string)list["object"]!, Is.EqualTo("list"));
        JsonNode one = await RunningServer.Json(await server.Get("/v1/models/toy"));
        Assert.That(JsonNode.DeepEquals(one, list["data"]![0]), Is.True);
        const string expected = """
            {"id":"toy","object":"model","created":1700000000,"owned_by":"headtap","headtap":{
            "weights_sha256":"HASH","parent":"parent-model","edit":null,"context":128,
            "vocabulary":2540,"layers":5,"heads":6,"width":192,"precision":"fp32","licence":"MIT"}}
            """;
        Assert.That(one.ToJsonString().Replace(new string('a', 64), "HASH"),
            Is.EqualTo(expected.Replace("\n", "")));
        JsonNode error = await RunningServer.Error(await server.Get("/v1/models/other"), 404);
        Assert.That((string)error["code"]!, Is.EqualTo("model_not_found"));
    }

    [Test]
    public async Task The_shipped_model_is_read_as_verify_reads_it()
    {
        ServedModel model = ModelFacts.Read("atlas", RunningServer.AtlasFolder);
        Assert.That(model.Card with { Created = 0 }, Is.EqualTo(new ModelCard("atlas", 0,
            "09bea811c6422ba2f31047387dca021c7a4dd5b810236bfbc7d615587eafdc8d", null, null, 128, 2540, 5, 6,
            192, "fp32", null)));
        Assert.That(model.Card.Created, Is.GreaterThan(1_500_000_000));
        Assert.That(model.Tokenizer!.VocabSize, Is.EqualTo(2540));
        await Task.CompletedTask;
    }

    [Test]
    public async Task A_server_is_ready_when_all_its_models_are_loaded()
    {
        var models = new ServedModels(["a", "b"]);
        await using HeadTapServer server = await HeadTapServer.Start(new ServerOptions
        {
            Listen = new(System.Net.IPAddress.Loopback, 0),
        }, [], models);
        using var client = new HttpClient { BaseAddress = server.Address };
        models.Add(new ServedModel(RunningServer.Card with { Name = "b" }, null));
        foreach (string path in new[] { "/health", "/health/ready" })
        {
            using HttpResponseMessage loading = await client.GetAsync(path);
            Assert.That((int)loading.StatusCode, Is.EqualTo(503));
            Assert.That(await loading.Content.ReadAsStringAsync(), Is.EqualTo("{\"error\":{\"message\":"
                + "\"Loading model\",\"type\":\"unavailable_error\",\"param\":null,\"code\":503}}"));
        }
        using HttpResponseMessage early = await client.GetAsync("/v1/models/a");
        await RunningServer.Error(early, 503);
        await RunningServer.Json(await client.GetAsync("/health/live"));
        models.Add(new ServedModel(RunningServer.Card with { Name = "a" }, null));
        await RunningServer.Json(await client.GetAsync("/health"));
        JsonNode list = await RunningServer.Json(await client.GetAsync("/v1/models"));
        Assert.That(list["data"]!.AsArray().Select(m => (string)m!["id"]!), Is.EqualTo((string[])["a", "b"]));
    }

    [TestCase("The capital of France"), TestCase("Zürich 😀 \n"), TestCase("")]
    public async Task A_text_becomes_tokens_and_comes_back(string text)
    {
        await using RunningServer server = await RunningServer.Start();
        string asked = new JsonObject
        {
            ["model"] = "toy", ["prompt"] = text, ["return_token_strs"] = true,
        }.ToJsonString();
        JsonNode cut = await RunningServer.Json(await server.Post("/tokenize", asked));
        int[] expected = RunningServer.Tokenizer.Encode(text);
        Assert.That(cut["tokens"]!.AsArray().Select(t => (int)t!), Is.EqualTo(expected));
        Assert.That((int)cut["count"]!, Is.EqualTo(expected.Length));
        Assert.That((int)cut["max_model_len"]!, Is.EqualTo(128));
        Assert.That(cut["token_strs"]!.AsArray().Select(t => (string)t!),
            Is.EqualTo(expected.Select(id => RunningServer.Tokenizer.Vocabulary.Tokens[id])));
        JsonNode back = await RunningServer.Json(await server.Post("/detokenize",
            new JsonObject { ["tokens"] = cut["tokens"]!.DeepClone() }.ToJsonString()));
        Assert.That((string)back["prompt"]!, Is.EqualTo(text));
        Assert.That(back["headtap"], Is.Null);
    }

    [Test]
    public async Task Half_a_character_comes_back_as_its_bytes()
    {
        await using RunningServer server = await RunningServer.Start();
        int first = RunningServer.Tokenizer.Encode("😀")[0];
        byte[] bytes = RunningServer.Tokenizer.DecodeBytes([first]);
        Assert.That(bytes, Has.Length.LessThan(4));
        JsonNode back = await RunningServer.Json(
            await server.Post("/detokenize", $"{{\"tokens\":[{first}]}}"));
        Assert.That((string)back["prompt"]!, Does.Contain("\uFFFD"));
        Assert.That(Convert.FromBase64String((string)back["headtap"]!["bytes"]!), Is.EqualTo(bytes));
    }

    [TestCase("/tokenize", """{"prompt":1}"""), TestCase("/tokenize", "{}"),
        TestCase("/tokenize", """{"prompt":"a","promt":"b"}"""),
        TestCase("/detokenize", """{"tokens":[-1]}"""), TestCase("/detokenize", """{"tokens":[2540]}"""),
        TestCase("/detokenize", """{"tokens":[1.5]}"""), TestCase("/detokenize", """{"tokens":"1"}"""),
        TestCase("/detokenize", """{"tokens":[99999999999]}"""), TestCase("/detokenize", "{}")]
    public async Task Wrong_requests_for_tokens_are_told_which_field(string path, string body)
    {
        await using RunningServer server = await RunningServer.Start();
        JsonNode error = await RunningServer.Error(await server.Post(path, body), 400);
        Assert.That((string?)error["param"], Is.EqualTo(path == "/detokenize" ? "tokens"
            : body.Contains("promt") ? "promt" : "prompt"));
    }

    [Test]
    public async Task Metrics_are_Prometheus_text_with_the_engines_numbers()
    {
        await using RunningServer server = await RunningServer.Start();
        KeyValuePair<string, object?> model = ServerMeters.Model("to\"y\\\n");
        server.Meters.PromptTokens.Add(3, model);
        server.Meters.PromptTokens.Add(4, model);
        server.Meters.RequestsRunning.Record(5, model);
        server.Meters.RequestsRunning.Record(2, model);
        server.Meters.RequestSuccess.Add(1, model, ServerMeters.FinishedReason("stop"));
        foreach (double seconds in new[] { 0.001, 0.0011, 0.005, 99 })
            server.Meters.TimeToFirstToken.Record(seconds, model);
        using HttpResponseMessage response = await server.Get("/metrics");
        Assert.That(response.Content.Headers.ContentType!.ToString(),
            Is.EqualTo("text/plain; version=0.0.4; charset=utf-8"));
        string[] lines = (await response.Content.ReadAsStringAsync()).Split('\n');
        const string label = "model_name=\"to\\\"y\\\\\\n\"";
        Assert.That(lines, Has.Member("# TYPE headtap_prompt_tokens_total counter"));
        Assert.That(lines, Has.Member($"headtap_prompt_tokens_total{{{label}}} 7"));
        Assert.That(lines, Has.Member($"headtap_num_requests_running{{{label}}} 2"));
        Assert.That(lines,
            Has.Member($"headtap_request_success_total{{finished_reason=\"stop\",{label}}} 1"));
        const string name = "headtap_time_to_first_token_seconds";
        Assert.That(lines, Has.Member($"# TYPE {name} histogram"));
        Assert.That(lines, Has.Member($"{name}_bucket{{{label},le=\"0.001\"}} 1"));
        Assert.That(lines, Has.Member($"{name}_bucket{{{label},le=\"0.005\"}} 3"));
        Assert.That(lines, Has.Member($"{name}_bucket{{{label},le=\"80\"}} 3"));
        Assert.That(lines, Has.Member($"{name}_bucket{{{label},le=\"+Inf\"}} 4"));
        Assert.That(lines, Has.Member($"{name}_count{{{label}}} 4"));
        Assert.That(lines.Single(l => l.StartsWith(name + "_sum")), Does.EndWith(" 99.0071"));
        Assert.That(lines, Has.Member("# TYPE headtap_num_preemptions_total counter"));
    }

    [Test]
    public async Task Two_servers_do_not_count_each_others_requests()
    {
        await using RunningServer one = await RunningServer.Start(), two = await RunningServer.Start();
        for (int i = 0; i < 3; i++)
            await RunningServer.Json(await one.Get("/v1/models"));
        const string line =
            "headtap_http_requests_total{handler=\"/v1/models\",method=\"GET\",status=\"2xx\"}";
        Assert.That(one.Meters.ToText(), Does.Contain(line + " 3\n"));
        Assert.That(two.Meters.ToText(), Does.Not.Contain(line));
    }

    [Test]
    public async Task Metrics_and_audit_have_no_key_no_name_and_no_prompt_unless_asked()
    {
        using var folder = new ScratchFolder();
        string keys = folder.At("keys.json"), audit = folder.At("audit.jsonl");
        string key = KeyFile.Add(keys, "anna", [Right.Query]);
        foreach (bool prompts in new[] { false, true })
        {
            File.Delete(audit);
            var options = new ServerOptions { KeysFile = keys, AuditFile = audit, LogPrompts = prompts };
            await using (RunningServer server = await RunningServer.Start(options, key, new EchoEndpoint()))
            {
                await RunningServer.Json(
                    await server.Post("/v1/completions?x=1", """{"prompt":"my secret"}"""));
                string metrics = server.Meters.ToText();
                Assert.That(metrics, Does.Contain("headtap_http_requests_by_key_total{key=\"")
                    .And.Not.Contain("anna").And.Not.Contain(key).And.Not.Contain("secret"));
            }
            string[] lines = await File.ReadAllLinesAsync(audit);
            Assert.That(lines, Has.Length.EqualTo(1));
            Assert.That(lines[0], Does.Not.Contain(key));
            Assert.That(lines[0].Contains("my secret"), Is.EqualTo(prompts));
            JsonNode line = JsonNode.Parse(lines[0])!;
            Assert.That((string)line["key"]!, Is.EqualTo("anna"));
            Assert.That((string)line["route"]!, Is.EqualTo("/v1/completions"));
            Assert.That((int)line["status"]!, Is.EqualTo(200));
        }
    }
}
