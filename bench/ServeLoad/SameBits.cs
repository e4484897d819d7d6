using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.ServeLoad;

/// <summary>Mixed requests, each alone first and then many together, twice: no byte may differ.</summary>
static class SameBits
{
    const int Kinds = 200;

    internal static async Task<int> Run(Client client, Options options)
    {
        (string Path, JsonObject Body)[] kinds = [.. Enumerable.Range(0, Kinds).Select(i => Kind(options,
            i))];
        string[] alone = new string[Kinds];
        for (int i = 0; i < Kinds; i++)
            alone[i] = Comparable(await client.Post(kinds[i].Path, kinds[i].Body));
        // Two servers, say of other threads and caches, are held together by this line.
        Console.WriteLine($"the {Kinds} replies alone have the hash " + Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', alone)))));
        int next = -1, differ = 0;
        await Task.WhenAll(Enumerable.Range(0, options.Clients).Select(async _ =>
        {
            for (int n; (n = Interlocked.Increment(ref next)) < options.Requests;)
            {
                int kind = (int)((uint)n * 2654435761u % Kinds);
                string reply = Comparable(await client.Post(kinds[kind].Path, kinds[kind].Body));
                if (reply != alone[kind])
                    Interlocked.Increment(ref differ);
            }
        }));
        Console.WriteLine(
            $"{options.Requests} requests of {Kinds} kinds by {options.Clients} clients: {differ} "
            + "differ from the reply alone");
        return differ == 0 ? 0 : 1;
    }

    static (string, JsonObject) Kind(Options o, int i)
    {
        int[] ids = o.PromptIds(i % 7, 1 + i * 7 % 60);
        JsonArray prompt = new([.. ids.Select(t => (JsonNode)t)]);
        JsonArray edits = i % 3 == 0 ? new JsonArray(new JsonObject
        {
            ["site"] = "blocks.1.attn.hook_z", ["op"] = "scale", ["alpha"] = 1 + i % 5, ["head"] = i % 2,
        }) : [];
        if (i % 2 == 0)
            return ("/v1/completions", new JsonObject
            {
                ["model"] = o.Model, ["prompt"] = prompt, ["max_tokens"] = 1 + i % 12, ["seed"] = i,
                ["temperature"] = 0.3 * (i % 5), ["logprobs"] = i % 4, ["echo"] = i % 10 == 0,
                ["headtap"] = new JsonObject { ["edits"] = edits },
            });
        var run = new JsonObject
        {
            ["model"] = o.Model, ["inputs"] = new JsonArray(new JsonObject { ["ids"] = prompt }),
            ["reads"] = new JsonArray(new JsonObject { ["site"] = "blocks.*.hook_resid_post",
                ["reduce"] = "last" }),
            ["edits"] = edits, ["encoding"] = "base64",
        };
        if (i % 5 == 1)
            run["grads"] = new JsonObject
            {
                ["of"] = "logprob:5", ["at"] = new JsonArray("blocks.0.hook_resid_pre"),
            };
        return ("/v1/headtap/run", run);
    }

    // Ids, times and what was cached are not part of what may not change.
    static string Comparable(string reply)
    {
        JsonNode json = JsonNode.Parse(reply)!;
        return (json["choices"] ?? json["results"])!.ToJsonString();
    }
}
