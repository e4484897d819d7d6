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

    Task<JsonNode> Ask(string of) => _server.Ask(Path, new JsonObject
    {
        ["model"] = "atlas", ["logits"] = false,
        ["inputs"] = new JsonArray(new JsonObject { ["text"] = "The capital of Japan is" }),
        ["grads"] = new JsonObject { ["of"] = of, ["at"] = new JsonArray("blocks.1.hook_resid_pre") },
    }.ToJsonString());
}
