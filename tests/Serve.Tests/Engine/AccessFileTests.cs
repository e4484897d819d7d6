using System.Buffers.Binary;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Jobs;
using HeadTap.Models;

namespace HeadTap.Serve.Tests;

/// <summary>Tensors in and out of <c>/v1/headtap/run</c>: values as base64, replies as files.</summary>
public sealed class AccessFileTests
{
    const string Path = "/v1/headtap/run";

    const string Reads = """
        {"model":"atlas","inputs":[{"ids":[270,295,267,1206]},{"ids":[7,9]}],"encoding":"base64",
         "reads":[{"site":"blocks.1.attn.hook_z"},{"site":"blocks.4.hook_resid_post","reduce":"topk:2"}],
         "grads":{"of":"loss","at":["blocks.0.hook_resid_pre"]},"generate":{"max_tokens":2},
         "lens":{"layers":[2],"top":1}
        """;

    ScratchFolder _folder = null!;
    AtlasServer _server = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _folder = ScratchFolder.Make();
        _server = await AtlasServer.Start(new ServerOptions { DataFolder = _folder.At("data") });
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task An_error_names_the_file_and_not_the_servers_folder()
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            { new StringContent("no tensors are in this text, of some length"), "file", "t.safetensors" },
        };
        using HttpResponseMessage upload = await _server.Client.PostAsync("/v1/files", form);
        string file = (string)JsonNode.Parse(await upload.Content.ReadAsStringAsync())!["id"]!;
        (int status, string text) = await _server.Post(Path, $$"""
            {"model":"atlas","inputs":[{"ids":[5]}],"edits":[{"site":"blocks.0.hook_attn_out","op":"add",
             "value":{"file":"{{file}}","tensor":"a"} }]}
            """);
        Assert.That(status, Is.EqualTo(400), text);
        Assert.That(text, Does.Contain(file).And.Not.Contain(_folder.Path));
    }

    [Test]
    public async Task A_server_that_has_answered_says_that_nothing_runs()
    {
        await _server.Ask("/v1/completions", """{"model":"atlas","prompt":[5],"max_tokens":2}""");
        string metrics = "";
        for (int i = 0; i < 100 && !metrics.Contains("num_requests_running{model_name=\"atlas\"} 0\n"); i++)
        {
            await Task.Delay(50);
            metrics = await _server.Client.GetStringAsync("/metrics");
        }
        Assert.That(metrics, Does.Contain("num_requests_running{model_name=\"atlas\"} 0\n"));
    }

    // Its replies are bytes to the host, which a batch has to read as JSON.
    [Test]
    public async Task A_batch_takes_its_requests_too()
    {
        string body = Reads + "}";
        JsonNode alone = await _server.Ask(Path, body);
        using var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" },
            {
                new StringContent($$"""{"custom_id":"a","method":"POST","url":"{{Path}}","body":"""
                    + JsonNode.Parse(body)!.ToJsonString() + "}\n"), "file", "in.jsonl"
            },
        };
        using HttpResponseMessage upload = await _server.Client.PostAsync("/v1/files", form);
        string file = (string)JsonNode.Parse(await upload.Content.ReadAsStringAsync())!["id"]!;
        JsonNode batch = await _server.Ask("/v1/batches",
            $$"""{"input_file_id":"{{file}}","endpoint":"{{Path}}","completion_window":"24h"}""");
        for (int i = 0; i < 600 && (string?)batch["status"] is not ("completed" or "failed"); i++)
        {
            await Task.Delay(50);
            batch = JsonNode.Parse(await _server.Client.GetStringAsync(
                $"/v1/batches/{(string)batch["id"]!}"))!;
        }
        Assert.That((int)batch["request_counts"]!["completed"]!, Is.EqualTo(1), batch.ToJsonString());
        string output = await _server.Client.GetStringAsync(
            $"/v1/files/{(string)batch["output_file_id"]!}/content");
        Assert.That(JsonNode.Parse(output)!["response"]!["body"]!["results"]!.ToJsonString(),
            Is.EqualTo(alone["results"]!.ToJsonString()));
    }

    [Test]
    public async Task A_file_has_the_tensors_and_the_reply_the_rest()
    {
        JsonNode inline = await _server.Ask(Path, Reads + "}");
        (int status, string text) = await _server.Post(Path, Reads + ",\"tensors\":\"file\"}");
        Assert.That(status, Is.EqualTo(200), text);
        JsonNode reply = JsonNode.Parse(text)!;
        JsonNode file = reply["tensors"]!;
        byte[] bytes = await _server.Client.GetByteArrayAsync($"/v1/files/{(string)file["file"]!}/content");
        Assert.That((long)file["bytes"]!, Is.EqualTo(bytes.Length));
        Assert.That((string?)file["sha256"], Is.EqualTo(Convert.ToHexStringLower(SHA256.HashData(bytes))));
        File.WriteAllBytes(_folder.At("t.safetensors"), bytes);
        using SafetensorsReader reader = SafetensorsReader.Open(_folder.At("t.safetensors"));
        for (int i = 0; i < 2; i++)
        {
            JsonNode whole = inline["results"]![i]!, rest = reply["results"]![i]!;
            foreach ((string name, JsonNode tensor) in new[]
            {
                ("blocks.1.attn.hook_z", whole["reads"]!["blocks.1.attn.hook_z"]!),
                ("grad.blocks.0.hook_resid_pre", whole["grads"]!["blocks.0.hook_resid_pre"]!),
                ("logits_last", whole["logits_last"]!),
            })
                Assert.That(Read(reader, $"{i}.{name}"), Is.EqualTo(Floats((string)tensor["data"]!)), name);
            ((JsonObject)whole["reads"]!).Remove("blocks.1.attn.hook_z");
            ((JsonObject)whole).Remove("grads");
            ((JsonObject)whole).Remove("logits_last");
            Assert.That(rest.ToJsonString(), Is.EqualTo(whole.ToJsonString()));
        }
        Assert.That((string?)reply["replay"]!["request"]!["tensors"], Is.EqualTo("file"));
        Assert.That(inline["replay"]!["request"]!.AsObject().ContainsKey("tensors"), Is.False);
        JsonNode stored = JsonNode.Parse(
            await _server.Client.GetStringAsync($"/v1/files/{(string)file["file"]!}"))!;
        Assert.That((string?)stored["purpose"], Is.EqualTo("tensors"));
        await File.WriteAllTextAsync(_folder.At("reply.json"), text);
        ReplayResult again = ReplayJob.Run(
            new ReplayOptions { File = _folder.At("reply.json"), Model = RunningServer.AtlasFolder },
            new JobContext { DeviceName = "cpu" });
        Assert.That(again.SameBytes, Is.True, again.Difference);
    }

    [Test]
    public async Task A_file_of_tensors_is_fetched_in_parts_and_once()
    {
        JsonNode reply = await _server.Ask(Path, Reads + ",\"tensors\":\"file\"}");
        string path = $"/v1/files/{(string)reply["tensors"]!["file"]!}/content";
        string tag = $"\"{(string)reply["tensors"]!["sha256"]!}\"";
        byte[] all = await _server.Client.GetByteArrayAsync(path);
        foreach ((string range, string? ifRange, int status, int from, int length) in
            new (string, string?, int, int, int)[]
        {
            ("bytes=8-107", null, 206, 8, 100), ("bytes=-5", tag, 206, all.Length - 5, 5),
            ("bytes=8-107", "\"another\"", 200, 0, all.Length),
            ($"bytes={all.Length}-", null, 416, 0, 0), ("bytes=0-1,4-5", null, 200, 0, all.Length),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation("Range", range);
            if (ifRange is not null)
                request.Headers.TryAddWithoutValidation("If-Range", ifRange);
            using HttpResponseMessage part = await _server.Client.SendAsync(request);
            Assert.That((int)part.StatusCode, Is.EqualTo(status), range);
            Assert.That(await part.Content.ReadAsByteArrayAsync(),
                Is.EqualTo(all.AsSpan(from, length).ToArray()), range);
            if (status == 206)
                Assert.That(part.Content.Headers.ContentRange!.Length, Is.EqualTo(all.Length));
        }
        using var known = new HttpRequestMessage(HttpMethod.Get, path);
        known.Headers.TryAddWithoutValidation("If-None-Match", tag);
        using HttpResponseMessage same = await _server.Client.SendAsync(known);
        Assert.That((int)same.StatusCode, Is.EqualTo(304));
        using HttpResponseMessage gone = await _server.Client.DeleteAsync(path[..^"/content".Length]);
        Assert.That((int)gone.StatusCode, Is.EqualTo(200));
        using HttpResponseMessage none = await _server.Client.GetAsync(path);
        Assert.That((int)none.StatusCode, Is.EqualTo(404));
    }

    [Test]
    public async Task A_file_counts_for_its_key_and_is_refused_before_the_pass()
    {
        using var folder = new ScratchFolder();
        string keys = folder.At("keys.json");
        string anna = KeyFile.Add(keys, "anna", [Right.Query, Right.Reads]);
        string ben = KeyFile.Add(keys, "ben", [Right.Query, Right.Reads]);
        string carl = KeyFile.Add(keys, "carl", [Right.Reads]);
        await using AtlasServer server = await AtlasServer.Start(new ServerOptions
        {
            DataFolder = folder.At("data"), KeysFile = keys, MaxKeyBytes = 50_000, MaxFileBytes = 40_000,
        });
        const string Small = """{"model":"atlas","inputs":[{"ids":[5]}],"tensors":"file"}"""; // 2540 logits
        JsonNode first = JsonNode.Parse((await Post(server, anna, Small, 200)).Text)!;
        string path = $"/v1/files/{(string)first["tensors"]!["file"]!}/content";
        foreach ((string key, int status) in new[] { (anna, 200), (ben, 404) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using HttpResponseMessage reply = await server.Client.SendAsync(request);
            Assert.That((int)reply.StatusCode, Is.EqualTo(status));
        }
        for (int n = 1; n < 4; n++)
            await Post(server, anna, Small, 200);
        Assert.That((await Post(server, anna, Small, 413)).Text, Does.Contain("storage_full"));
        await Post(server, ben, Small, 200);
        Assert.That((await Post(server, ben, Small.Replace("{\"ids\":[5]}",
            string.Join(",", Enumerable.Repeat("{\"ids\":[5]}", 5))), 413)).Text,
            Does.Contain("file_too_large"));
        Assert.That((await Post(server, carl, Small, 403)).Text, Does.Contain("query"));
    }

    [TestCase("\"tensors\":\"path\"", "tensors is a text; expected inline or file")]
    [TestCase("\"edits\":[{\"site\":\"blocks.1.hook_resid_post\",\"op\":\"add\","
        + "\"value\":{\"base64\":\"AACAPw==\",\"shape\":[2]}}]", "base64 has 4 bytes; expected 8")]
    [TestCase("\"edits\":[{\"site\":\"blocks.1.hook_resid_post\",\"op\":\"add\","
        + "\"value\":{\"base64\":\"AAD!\",\"shape\":[1]}}]", "base64 cannot be read")]
    [TestCase("\"edits\":[{\"site\":\"blocks.1.hook_resid_post\",\"op\":\"add\","
        + "\"value\":{\"base64\":\"AADAfw==\",\"shape\":[]}}]", "base64 holds NaN")]
    [TestCase("\"edits\":[{\"site\":\"blocks.1.hook_resid_post\",\"op\":\"add\","
        + "\"value\":{\"base64\":\"AACAPw==\",\"shape\":[1]}}]",
        "1 number; blocks.1.hook_resid_post needs 192")]
    public async Task What_is_wrong_is_a_400_of_one_line(string part, string words)
    {
        (int status, string text) = await _server.Post(
            Path, $"{{\"model\":\"atlas\",\"inputs\":[{{\"ids\":[5]}}],{part}}}");
        Assert.That(status, Is.EqualTo(400), text);
        Assert.That((string?)JsonNode.Parse(text)!["error"]!["message"],
            Does.Contain(words).And.Not.Contain("\n"));
    }

    [Test]
    public async Task A_value_of_base64_gives_the_bits_of_its_numbers()
    {
        float[] row = [.. Enumerable.Range(0, 192).Select(i => MathF.Sin(i) / 3)];
        byte[] bytes = new byte[4 * row.Length];
        for (int i = 0; i < row.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4 * i), row[i]);
        var replies = new List<string>();
        foreach (JsonNode value in new JsonNode[]
        {
            new JsonArray([.. row.Select(x => (JsonNode)x)]),
            new JsonObject
            {
                ["base64"] = Convert.ToBase64String(bytes), ["shape"] = new JsonArray(192),
            },
        })
            replies.Add((await _server.Ask(Path, new JsonObject
            {
                ["model"] = "atlas",
                ["inputs"] = new JsonArray(new JsonObject { ["ids"] = new JsonArray(5, 6) }),
                ["edits"] = new JsonArray(new JsonObject
                {
                    ["site"] = "blocks.1.hook_resid_post", ["op"] = "add", ["value"] = value,
                }),
                ["generate"] = new JsonObject { ["max_tokens"] = 3 }, ["encoding"] = "base64",
            }.ToJsonString()))["results"]!.ToJsonString());
        Assert.That(replies[1], Is.EqualTo(replies[0]));
    }

    [Test]
    public async Task Forms_of_a_reply_have_tags_of_their_own()
    {
        const string Ask = """{"model":"atlas","inputs":[{"ids":[5]}]}""";
        var tags = new List<string?>();
        const string Json = "application/json";
        foreach (string accept in (string[])[Json, "application/octet-stream", Json])
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Path)
            {
                Content = new StringContent(Ask, Encoding.UTF8, "application/json"),
            };
            request.Headers.Accept.ParseAdd(accept);
            using HttpResponseMessage reply = await _server.Client.SendAsync(request);
            tags.Add(reply.Headers.ETag is { IsWeak: false } tag ? tag.Tag : null);
        }
        Assert.That(tags, Has.None.Null);
        Assert.That(tags[0], Is.EqualTo(tags[2]).And.Not.EqualTo(tags[1]));
    }

    [Test]
    public async Task A_server_without_files_says_so()
    {
        await using AtlasServer server = await AtlasServer.Start();
        (int status, string text) = await server.Post(
            Path, """{"model":"atlas","inputs":[{"ids":[5]}],"tensors":"file"}""");
        Assert.That(status, Is.EqualTo(400), text);
        Assert.That(text, Does.Contain("keeps no files"));
    }

    static async Task<(int Status, string Text)> Post(AtlasServer server, string key, string json, int status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using HttpResponseMessage reply = await server.Client.SendAsync(request);
        string text = await reply.Content.ReadAsStringAsync();
        Assert.That((int)reply.StatusCode, Is.EqualTo(status), text);
        return (status, text);
    }

    static float[] Read(SafetensorsReader reader, string name)
    {
        float[] values = new float[reader.Find(name).Length];
        reader.Read(name, values);
        return values;
    }

    static float[] Floats(string base64)
    {
        byte[] bytes = Convert.FromBase64String(base64);
        return [.. Enumerable.Range(0, bytes.Length / 4).Select(
            i => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(4 * i)))];
    }
}
