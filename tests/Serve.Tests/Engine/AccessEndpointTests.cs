using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Serve.Tests;

/// <summary><c>/v1/headtap/run</c> with words, on the atlas.</summary>
public sealed class AccessEndpointTests
{
    const string Path = "/v1/headtap/run";

    AtlasServer _server = null!;

    [OneTimeSetUp]
    public async Task Start() => _server = await AtlasServer.Start();

    [OneTimeTearDown]
    public async Task Stop() => await _server.DisposeAsync();

    // grad takes a word as it stands in the middle of a text, with a space before it.
    [Test]
    public async Task Words_of_a_metric_are_the_tokens_that_the_verb_takes()
    {
        JsonNode bare = await Ask("logit-diff:Tokyo,Paris"), spaced = await Ask("logit-diff: Tokyo, Paris");
        Assert.That(bare["results"]!.ToJsonString(), Is.EqualTo(spaced["results"]!.ToJsonString()));
        int[] ids = [RunningServer.Tokenizer.Encode(" Tokyo")[0],
            RunningServer.Tokenizer.Encode(" Paris")[0]];
        Assert.That((string?)bare["replay"]!["request"]!["grads"]!["of"],
            Is.EqualTo($"logit-diff:{ids[0]},{ids[1]}"));
        Assert.That((string?)bare["replay"]!["request_sha256"],
            Is.EqualTo((string?)spaced["replay"]!["request_sha256"]));
    }

    [TestCase("\"generate\":{\"max_tokens\":1}"), TestCase("\"lens\":{}")]
    [TestCase("\"reads\":[{\"site\":\"blocks.0.hook_resid_post\",\"reduce\":\"topk:2\"}]")]
    public async Task A_file_of_tensors_loses_nothing_in_silence(string part)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent($"{{\"model\":\"atlas\",\"inputs\":[{{\"ids\":[5]}}],{part}}}",
                Encoding.UTF8, "application/json"),
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/octet-stream"));
        using HttpResponseMessage reply = await _server.Client.SendAsync(request);
        Assert.That((int)reply.StatusCode, Is.EqualTo(400));
    }

    static IEnumerable<string> Requests() =>
    [
        "", "\"reads\":[{\"site\":\"blocks.*.attn.hook_z\"}]",
        "\"logits\":false,\"reads\":[{\"site\":\"blocks.*.attn.hook_pattern\"},{\"site\":\"blocks.1.attn."
            + "hook_pattern\",\"heads\":[2,0],\"positions\":[-1],\"reduce\":\"mean\"}]",
        "\"reads\":[{\"site\":\"*.hook_result\",\"heads\":[1]},{\"site\":\"*.hook_result\",\"reduce\":"
            + "\"norm\"},{\"site\":\"ln_final.hook_scale\"},{\"site\":\"blocks.0.mlp.hook_post\","
            + "\"reduce\":\"last\"},{\"site\":\"blocks.0.mlp.hook_post\",\"reduce\":\"mean\"}]",
        "\"edits\":[{\"site\":\"blocks.0.hook_mlp_out\",\"op\":\"zero\"}],\"grads\":{\"of\":\"loss\",\"at\":"
            + "[\"blocks.*.hook_resid_pre\",\"blocks.1.attn.hook_pattern\",\"blocks.1.attn.hook_q\"],"
            + "\"parameters\":[\"h.0.attn.c_proj.weight\"]}",
    ];

    static IEnumerable<string> RequestsOfWords() =>
    [
        "\"reads\":[{\"site\":\"blocks.*.hook_resid_post\",\"reduce\":\"topk:7\"},{\"site\":\"blocks.0.attn."
            + "hook_result\",\"reduce\":\"topk:900\"}]",
        "\"lens\":{\"heads\":[1,2],\"positions\":[-1,0],\"top\":9}", "\"generate\":{\"max_tokens\":30}",
        "\"generate\":{\"max_tokens\":40,\"temperature\":5,\"seed\":3},\"edits\":[{\"site\":\"blocks.4."
            + "hook_mlp_out\",\"op\":\"zero\"}]",
    ];

    // Exact where numbers have a fixed length; else the most that it can be.
    [TestCaseSource(nameof(Requests))]
    public async Task A_dry_run_knows_the_bytes_of_the_reply(string part)
    {
        foreach (string form in (string[])["base64", "safetensors"])
        {
            (long planned, long real) = await PlannedAndReal(part, form);
            Assert.That(planned, Is.GreaterThanOrEqualTo(real), form);
            // The number that a gradient is of may be shorter than the longest one.
            Assert.That(planned - real, Is.AtMost(part.Contains("grads") && form == "base64" ? 48 : 0), form);
        }
        (long most, long list) = await PlannedAndReal(part, "list");
        TestContext.Out.WriteLine($"list: {most} planned, {list} real, {(double)list / most:0.00}");
        Assert.That(most, Is.GreaterThanOrEqualTo(list));
        Assert.That(8 * list, Is.GreaterThanOrEqualTo(most));
    }

    [TestCaseSource(nameof(RequestsOfWords))]
    public async Task A_dry_run_knows_the_most_that_words_take(string part)
    {
        foreach (string form in (string[])["base64", "list"])
        {
            (long planned, long real) = await PlannedAndReal(part, form);
            TestContext.Out.WriteLine($"{form}: {planned} planned, {real} real");
            Assert.That(planned, Is.GreaterThanOrEqualTo(real), form);
        }
    }

    async Task<(long Planned, long Real)> PlannedAndReal(string part, string form)
    {
        string json = "{\"model\":\"atlas\",\"inputs\":[{\"text\":\"The capital of Japan is\"},"
            + $"{{\"ids\":[5,9]}}],\"encoding\":\"{(form == "list" ? "list" : "base64")}\""
            + (part.Length > 0 ? "," : "") + part;
        string accept = form == "safetensors" ? "application/octet-stream" : "application/json";
        JsonNode dry = JsonNode.Parse(await Bytes(json + ",\"dry_run\":true}", accept))!;
        Assert.That((string?)dry["reply_form"], Is.EqualTo(form));
        return ((long)dry["reply_bytes"]!, (await Bytes(json + "}", accept)).Length);
    }

    async Task<byte[]> Bytes(string json, string accept)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path)
        {
            Content = new StringContent(json, Encoding.UTF8, "application/json"),
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
        using HttpResponseMessage reply = await _server.Client.SendAsync(request);
        byte[] bytes = await reply.Content.ReadAsByteArrayAsync();
        Assert.That((int)reply.StatusCode, Is.EqualTo(200), Encoding.UTF8.GetString(bytes[..Math.Min(300,
            bytes.Length)]));
        return bytes;
    }

    Task<JsonNode> Ask(string of) => _server.Ask(Path, new JsonObject
    {
        ["model"] = "atlas", ["logits"] = false,
        ["inputs"] = new JsonArray(new JsonObject { ["text"] = "The capital of Japan is" }),
        ["grads"] = new JsonObject { ["of"] = of, ["at"] = new JsonArray("blocks.1.hook_resid_pre") },
    }.ToJsonString());
}
