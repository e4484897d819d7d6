using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Jobs;
using HeadTap.Models;

namespace HeadTap.Serve.Tests;

/// <summary><c>/v1/completions</c> against the verbs of the command line, on the atlas.</summary>
public sealed class CompletionTests
{
    const string Path = "/v1/completions";

    AtlasServer _server = null!;

    [OneTimeSetUp]
    public async Task Start() => _server = await AtlasServer.Start();

    [OneTimeTearDown]
    public async Task Stop() => await _server.DisposeAsync();

    [Test]
    public async Task A_greedy_text_is_that_of_generate()
    {
        string expected = Generate("The capital of Japan is", 9);
        JsonNode json = await Ask("""{"model":"atlas","prompt":"The capital of Japan is","""
            + """ "temperature":0,"max_tokens":9}""");
        Assert.That((string?)json["choices"]![0]!["text"], Is.EqualTo(expected));
        Assert.That((string?)json["choices"]![0]!["finish_reason"], Is.EqualTo("length"));
        Assert.That(json["choices"]![0]!["logprobs"], Is.Null);
        Assert.That((string?)json["object"], Is.EqualTo("text_completion"));
        int prompt = (int)json["usage"]!["prompt_tokens"]!;
        Assert.That((int)json["usage"]!["total_tokens"]!, Is.EqualTo(prompt + 9));
        Assert.That((string?)json["system_fingerprint"], Does.StartWith("fp_"));
    }

    // The contract of lm-evaluation-harness: echo, max_tokens 0, log-probabilities of the prompt.
    [Test]
    public async Task Echo_without_new_tokens_scores_the_prompt_as_eval_does()
    {
        const string Text = "The currency of Peru is the sol. The language of Peru is Spanish.";
        int[] ids = [0, .. RunningServer.Tokenizer.Encode(Text)];
        ids[0] = (int)RunningServer.Tokenizer.EndOfText!;
        double expected = Losses(ids).Sum(l => (double)l);
        JsonNode json = await Ask(new JsonObject
        {
            ["model"] = "atlas", ["prompt"] = Text, ["echo"] = true, ["max_tokens"] = 0, ["logprobs"] = 1,
        }.ToJsonString());
        JsonNode choice = json["choices"]![0]!, scores = choice["logprobs"]!;
        Assert.That((string?)choice["text"], Is.EqualTo(Text));
        JsonArray tokens = scores["token_logprobs"]!.AsArray();
        Assert.That(tokens, Has.Count.EqualTo(ids.Length));
        Assert.That(tokens[0], Is.Null);
        Assert.That(scores["top_logprobs"]![0], Is.Null);
        Assert.That(Math.Abs(tokens.Skip(1).Sum(t => (double)t!) + expected) <= 1e-4 * ids.Length, Is.True);
        // The text of each token stands at its offset.
        for (int i = 1; i < ids.Length; i++)
        {
            string token = (string)scores["tokens"]![i]!;
            Assert.That(Text.Substring((int)scores["text_offset"]![i]!, token.Length), Is.EqualTo(token));
        }
        JsonNode byIds = await Ask(new JsonObject
        {
            ["model"] = "atlas", ["prompt"] = new JsonArray([.. ids.Select(i => (JsonNode)i)]),
                ["echo"] = true,
            ["max_tokens"] = 0, ["logprobs"] = 1,
        }.ToJsonString());
        Assert.That(byIds["choices"]!.ToJsonString(), Is.EqualTo(json["choices"]!.ToJsonString()));
    }

    [Test]
    public async Task Echo_with_a_new_token_has_both_and_offsets_go_on()
    {
        JsonNode json = await Ask("""
            {"model":"atlas","prompt":"The capital of Japan is","echo":true,"max_tokens":2,"temperature":0,
             "logprobs":0}
            """);
        JsonNode scores = json["choices"]![0]!["logprobs"]!;
        string text = (string)json["choices"]![0]!["text"]!;
        Assert.That(text, Does.StartWith("The capital of Japan is"));
        int last = scores["tokens"]!.AsArray().Count - 1;
        Assert.That(text[(int)scores["text_offset"]![last]!..], Is.EqualTo((string)scores["tokens"]![last]!));
        JsonNode without = await Ask("""
            {"model":"atlas","prompt":"The capital of Japan is","max_tokens":2,"temperature":0,"logprobs":0}
            """);
        JsonNode bare = without["choices"]![0]!["logprobs"]!;
        Assert.That((int)bare["text_offset"]![1]!, Is.EqualTo((int)scores["text_offset"]![last]!));
        Assert.That((double)bare["token_logprobs"]![1]!,
            Is.EqualTo((double)scores["token_logprobs"]![last]!));
        Assert.That(bare["top_logprobs"]![0]!.AsObject(), Has.Count.EqualTo(1), "the chosen token's alone");
    }

    [TestCase("""{"n":3,"seed":4}"""), TestCase("""{"n":2,"seed":4,"logprobs":3,"echo":true}""")]
    [TestCase("""{"seed":-5,"temperature":1.7,"top_p":0.9,"stop":["."," the "]}""")]
    [TestCase("""{"temperature":0,"stop":". The"}"""), TestCase("""{"n":2,"seed":9,"max_tokens":1}""")]
    [TestCase("""{"seed":1,"frequency_penalty":1.5,"presence_penalty":0.5,"logit_bias":{"5":3.5}}""")]
    public async Task A_stream_says_what_the_whole_reply_says(string options)
    {
        JsonObject request = JsonNode.Parse(options)!.AsObject();
        request["model"] = "atlas";
        request["prompt"] = new JsonArray("The capital of Japan is", "Once");
        request["max_tokens"] ??= 24;
        JsonNode whole = await Ask(request.ToJsonString());
        Assert.That((await Ask(request.ToJsonString()))["choices"]!.ToJsonString(),
            Is.EqualTo(whole["choices"]!.ToJsonString()), "the same request again");
        request["stream"] = true;
        request["stream_options"] = new JsonObject { ["include_usage"] = true };
        List<JsonNode> events = await Events(request.ToJsonString());
        Assert.That(events.Select(e => (string?)e["id"]).Distinct().Count(), Is.EqualTo(1));
        Assert.That(events[^1]["choices"]!.AsArray(), Is.Empty);
        Assert.That((int)events[^1]["usage"]!["completion_tokens"]!,
            Is.EqualTo((int)whole["usage"]!["completion_tokens"]!));
        Assert.That(events.SkipLast(1).All(e => e.AsObject().ContainsKey("usage") && e["usage"] is null),
            Is.True);
        foreach (JsonNode? choice in whole["choices"]!.AsArray())
        {
            JsonNode[] own = [.. events.SelectMany(e => e["choices"]!.AsArray())
                .Where(c => (int)c!["index"]! == (int)choice!["index"]!).Select(c => c!)];
            Assert.That(string.Concat(own.Select(c => (string)c["text"]!)),
                Is.EqualTo((string)choice!["text"]!));
            Assert.That((string?)own[^1]["finish_reason"], Is.EqualTo((string?)choice["finish_reason"]));
            Assert.That(own.SkipLast(1).All(c => c["finish_reason"] is null), Is.True);
            if (choice["logprobs"] is { } scores)
                foreach (string field in (string[])["tokens", "token_logprobs", "top_logprobs",
                    "text_offset"])
                    Assert.That(new JsonArray([.. own.SelectMany(c => c["logprobs"]![field]!.AsArray())
                        .Select(v => v?.DeepClone())]).ToJsonString(),
                            Is.EqualTo(scores[field]!.ToJsonString()));
        }
        if (request["stop"] is not null)
            Assert.That((string)whole["choices"]![0]!["text"]!, Does.Not.Contain(". The"));
    }

    [Test]
    public async Task Best_of_gives_the_likeliest_texts()
    {
        JsonNode all = await Ask("""{"model":"atlas","prompt":"Once","n":6,"seed":3,"max_tokens":5,"""
            + """ "logprobs":0}""");
        JsonNode best = await Ask("""{"model":"atlas","prompt":"Once","n":2,"best_of":6,"seed":3,"""
            + """ "max_tokens":5,"logprobs":0}""");
        string[] expected = [.. all["choices"]!.AsArray()
            .OrderByDescending(c => c!["logprobs"]!["token_logprobs"]!.AsArray().Average(s => (double)s!))
            .Take(2).Select(c => (string)c!["text"]!)];
        Assert.That(best["choices"]!.AsArray().Select(c => (string)c!["text"]!), Is.EqualTo(expected));
        Assert.That((int)best["usage"]!["completion_tokens"]!, Is.EqualTo(30));
    }

    [Test]
    public async Task Edits_change_the_text_of_their_request_alone()
    {
        const string Prompt =
            "\"model\":\"atlas\",\"prompt\":\"The capital of Japan is\",\"temperature\":0,\"max_tokens\":6";
        string edit = $"{{{Prompt},\"headtap\":{{\"edits\":[{{\"site\":\"blocks.2.hook_attn_out\","
            + "\"op\":\"add\",\"alpha\":40,\"value\":{\"unembed\":\" Paris\"}}]}}";
        Task<JsonNode>[] all = [Ask($"{{{Prompt}}}"), Ask(edit), Ask($"{{{Prompt}}}"), Ask(edit)];
        JsonNode[] found = await Task.WhenAll(all);
        string[] texts = [.. found.Select(f => (string)f["choices"]![0]!["text"]!)];
        Assert.That((texts[0], texts[1]), Is.EqualTo((texts[2], texts[3])));
        Assert.That(texts[1], Is.Not.EqualTo(texts[0]));
    }

    [TestCase("""{"prompt":"a"}""", "model", 400), TestCase("""{"model":"none","prompt":"a"}""",
        "model", 404)]
    [TestCase("""{"model":"atlas"}""", "prompt", 400), TestCase("""{"model":"atlas","prompt":""}""", "", 200)]
    [TestCase("""{"model":"atlas","prompt":[]}""", "prompt", 400)]
    [TestCase("""{"model":"atlas","prompt":[[]]}""", "prompt", 400)]
    [TestCase("""{"model":"atlas","prompt":[-1]}""", "prompt", 400)]
    [TestCase("""{"model":"atlas","prompt":[2540]}""", "prompt", 400)]
    [TestCase("""{"model":"atlas","prompt":[1.5]}""", "prompt", 400)]
    [TestCase("""{"model":"atlas","prompt":["a",1]}""", "prompt", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","max_tokens":128}""", "prompt", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","max_tokens":-1}""", "max_tokens", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","n":129}""", "n", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","n":1000000000000}""", "n", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","n":3,"best_of":2}""", "best_of", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","best_of":2,"stream":true}""", "best_of", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","temperature":2.5}""", "temperature", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","temperature":"hot"}""", "temperature", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","top_p":0}""", "top_p", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","logprobs":21}""", "logprobs", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","logit_bias":{"-1":1}}""", "logit_bias", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","logit_bias":{"1":101}}""", "logit_bias.1", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","stop":["a","b","c","d","e"]}""", "stop", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","stop":""}""", "stop", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","stream_options":{"include_usage":true}}""",
        "stream_options", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","suffix":"b"}""", "suffix", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","seed":0.5}""", "seed", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","messages":[]}""", "messages", 400)]
    [TestCase("""{"model":"atlas","prompt":"\ud800"}""", null, 400)]
    [TestCase("""{"model":"atlas","prompt":"a","allowed_token_ids":[]}""", "allowed_token_ids", 400)]
    [TestCase("""{"model":"atlas","prompt":"a","headtap":{"edits":[{"site":"x","op":"zero"}]}}""",
        "edits", 400)]
    public async Task A_wrong_field_is_named(string json, string? param, int status)
    {
        (int found, string text) = await _server.Post(Path, json);
        Assert.That(found, Is.EqualTo(status), text);
        if (status == 200)
            return;
        JsonObject error = JsonNode.Parse(text)!["error"]!.AsObject();
        Assert.That(error.Select(p => p.Key), Is.EqualTo((string[])["message", "type", "param", "code"]));
        Assert.That((string?)error["param"], Is.EqualTo(param));
        if (text.Contains("context"))
            Assert.That((string?)error["code"], Is.EqualTo("context_length_exceeded"));
    }

    // Cold, warm, alone, beside others: not a byte of the choices differs.
    [Test]
    public async Task Mixed_requests_together_have_the_bytes_of_each_alone()
    {
        string[] requests = [.. Enumerable.Range(0, 40).Select(i => new JsonObject
        {
            ["model"] = "atlas",
            ["prompt"] = i % 3 == 0 ? "The capital of Japan is" : string.Concat(Enumerable.Repeat(
                "The currency of Peru is the sol. ", 1 + i % 4)),
            ["max_tokens"] = 1 + i % 13, ["seed"] = i, ["temperature"] = i % 5 * 0.4,
            ["logprobs"] = i % 4, ["echo"] = i % 7 == 0, ["n"] = 1 + i % 2,
        }.ToJsonString())];
        string[] alone = new string[requests.Length];
        for (int i = 0; i < requests.Length; i++)
            alone[i] = (await Ask(requests[i]))["choices"]!.ToJsonString();
        for (int round = 0; round < 3; round++)
        {
            JsonNode[] together = await Task.WhenAll(requests.Select(Ask));
            Assert.That(together.Select(t => t["choices"]!.ToJsonString()), Is.EqualTo(alone));
        }
    }

    [Test]
    public async Task A_client_that_goes_away_ends_its_text()
    {
        using var gone = new CancellationTokenSource();
        using var content = new StringContent(
            """{"model":"atlas","prompt":"a","max_tokens":120,"stream":true,"ignore_eos":true,"n":4}""",
            Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = content };
        using (HttpResponseMessage reply = await _server.Client.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead))
        await using (Stream stream = await reply.Content.ReadAsStreamAsync())
            _ = await stream.ReadAsync(new byte[10]);
        // It is told as aborted, and its rows are free.
        for (int i = 0; i < 200; i++)
        {
            string metrics = await _server.Client.GetStringAsync("/metrics");
            if (metrics.Contains("finished_reason=\"abort\"")
                || metrics.Contains("headtap_num_requests_running{model_name=\"atlas\"} 0"))
                break;
            await Task.Delay(50);
        }
        JsonNode next = await Ask("""{"model":"atlas","prompt":"a","max_tokens":2,"temperature":0}""");
        Assert.That((int)next["usage"]!["completion_tokens"]!, Is.EqualTo(2));
    }

    Task<JsonNode> Ask(string json) => _server.Ask(Path, json);

    async Task<List<JsonNode>> Events(string json)
    {
        (int status, string text) = await _server.Post(Path, json);
        Assert.That(status, Is.EqualTo(200), text);
        string[] frames = text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.That(frames[^1], Is.EqualTo("data: [DONE]"));
        Assert.That(frames.All(f => f.StartsWith("data: ", StringComparison.Ordinal)), Is.True);
        return [.. frames.SkipLast(1).Select(f => JsonNode.Parse(f[6..])!)];
    }

    static string Generate(string prompt, int tokens) => GenerateJob.Run(new GenerateOptions
    {
        Prompt = new PromptRequest
        {
            Model = RunningServer.AtlasFolder, Text = prompt, Rules = new TextRules { Bos = true },
        },
        MaxNewTokens = tokens,
    }, new JobContext { DeviceName = "cpu" }).Texts[0].Text!;

    static float[] Losses(int[] ids)
    {
        using ResidentModel model = ResidentModel.Open(
            new JobContext { DeviceName = "cpu" }, RunningServer.AtlasFolder);
        using var session = new ModelSession(model.Model, new SessionOptions { MaxTokens = ids.Length });
        var rows = new SequenceBatch([ids]);
        return session.TokenLosses(rows, rows.NextTokens());
    }
}
