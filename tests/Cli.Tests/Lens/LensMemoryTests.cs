using System.Text.Json.Nodes;
using HeadTap.Lens;

namespace HeadTap.Cli.Tests;

/// <summary>lens memory.</summary>
public sealed class LensMemoryTests
{
    static TemporaryFolder s_folder = null!;
    static string s_head = "";

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        s_head = TinyLenses.Write(s_folder, "head", new() { Kind = LensKind.Head }, [0, 1]);
        string[] words = ["north", "city", "country", "capital"];
        File.WriteAllLines(s_folder["pairs.jsonl"], Enumerable.Range(0, 6).Select(i => new JsonObject
        {
            ["explicit"] = $"the capital of {words[i % 4]} is",
            ["obscure"] = $"the capital of the {words[(i + 1) % 4]} of the {words[i % 3]} is",
            ["bridge"] = words[i % 4], ["answer"] = words[(i + 1) % 4],
            ["split"] = i % 2 == 0 ? "validation" : "test",
        }.ToJsonString()));
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] One(params string[] more) => ["lens", "memory", "--model", TinyModel.Folder,
        "--lens", s_head, "--from", "the capital of the city is", "--into", "the capital of the north is",
        "--answer", "country", .. more];

    static string[] Many(params string[] more) => ["lens", "memory", "--model", TinyModel.Folder,
        "--lens", s_head, "--pairs", s_folder["pairs.jsonl"], .. more];

    [Test]
    public void The_memory_is_what_the_favourite_head_says_and_its_edit_replays()
    {
        string spec = s_folder["edit.json"];
        JsonNode json = Headtap.Done(One("--top", "3", "--tau", "4", "--edit-out", spec, "--json")).Json;
        JsonNode read = Headtap.Done("lens", "read", "--model", TinyModel.Folder, "--lens", s_head, "--text",
            "the capital of the city is", "--top", "3", "--json").Json;
        JsonNode best = read["heads"]!.AsArray().MaxBy(h => (double)h!["favour"]!)!;
        Assert.That(((int)json["layer"]!, (int)json["head"]!),
            Is.EqualTo(((int)best["layer"]!, (int)best["head"]!)));
        Assert.That(json["memory_ids"]!.AsArray().Select(t => (int)t!),
            Is.EqualTo(best["top"]!.AsArray().Select(t => (int)t!["id"]!)));
        Assert.That((int)json["at_layer"]!, Is.EqualTo((int)json["layer"]!));
        string ids = string.Join(',', json["memory_ids"]!.AsArray().Select(t => (int)t!));
        JsonNode injected = Headtap.Done("inject", "run", "--model", TinyModel.Folder, "--text",
            "the capital of the north is", "--memory-ids", ids, "--answer", "country", "--layer",
            $"{(int)json["at_layer"]!}", "--tau", "4", "--json").Json;
        foreach (string name in (string[])["p_before", "p_after", "rank_before", "rank_after"])
            Assert.That((double)json[name]!, Is.EqualTo((double)injected[name]!), name);
        Assert.That(JsonNode.Parse(File.ReadAllText(spec))!.ToJsonString(),
            Is.EqualTo(injected["edit"]!.ToJsonString()));
    }

    [Test]
    public void A_named_head_is_read_and_a_named_layer_receives_it()
    {
        JsonNode json = Headtap.Done(One("--layer", "1", "--head", "2", "--at-layer", "0", "--json")).Json;
        Assert.That(((int)json["layer"]!, (int)json["head"]!, (int)json["at_layer"]!), Is.EqualTo((1, 2, 0)));
        Assert.That(json["memory_ids"]!.AsArray(), Has.Count.EqualTo(5));
    }

    [Test]
    public void The_next_token_can_be_left_out()
    {
        JsonNode with = Headtap.Done(One("--top", "279", "--json")).Json,
            without = Headtap.Done(One("--top", "279", "--without-next", "--json")).Json;
        int[] all = [.. with["memory_ids"]!.AsArray().Select(t => (int)t!)],
            others = [.. without["memory_ids"]!.AsArray().Select(t => (int)t!)];
        Assert.That(others, Has.Length.EqualTo(279).And.No.Member((int)with["next_id"]!));
        Assert.That(others[..200], Is.EqualTo(all.Where(t => t != (int)with["next_id"]!).Take(200)));
    }

    [Test]
    public void Pairs_have_controls_and_rows_that_agree_with_single_runs()
    {
        JsonNode json = Headtap.Done(Many("--split", "test", "--top", "2", "--tau", "4", "--json")).Json;
        Assert.That((int)json["pairs"]!, Is.EqualTo(3));
        Assert.That(json["memories"]!.AsArray().Select(m => (string)m!["memory"]!), Has.Member("nothing").And
            .Member("another head's words").And.Member("the same without the next token"));
        double[] single = [.. new[] { 1, 3, 5 }.Select(i =>
        {
            string[] words = ["north", "city", "country", "capital"];
            return (double)Headtap.Done("lens", "memory", "--model", TinyModel.Folder, "--lens", s_head,
                "--from", $"the capital of {words[i % 4]} is", "--into",
                $"the capital of the {words[(i + 1) % 4]} of the {words[i % 3]} is",
                "--answer", words[(i + 1) % 4], "--top", "2", "--tau", "4", "--json").Json["p_after"]!;
        })];
        Assert.That((double)json["memories"]![1]!["mean_p"]!, Is.EqualTo(single.Average()).Within(1e-9));
        Assert.That(Headtap.Done(Many("--split", "test")).Out, Does.Contain("holds the answer"));
        Assert.That(Headtap.Done(Many("--top", "2", "--json", "--seed", "4")).Out,
            Is.EqualTo(Headtap.Done(Many("--top", "2", "--json", "--seed", "4")).Out));
    }

    [Test]
    public void Bad_input_is_one_line()
    {
        Assert.That(Headtap.Refused(One("--at-layer", "2")), Does.Contain("0 to 1"));
        Assert.That(Headtap.Refused(One("--position", "3")), Does.Contain("all or last"));
        Assert.That(Headtap.Refused(One("--head", "all")), Does.Contain("expected auto"));
        Assert.That(Headtap.Refused(One("--pairs", "atlas")), Does.Contain("--pairs"));
        Assert.That(Headtap.Refused(One("--split", "test")), Does.Contain("--split without --pairs"));
        Assert.That(Headtap.Refused(One("--tau", "1e25")), Does.Contain("overflows"));
        Assert.That(Headtap.Refused(One("--answer", " ")), Does.Contain("--answer"));
        Assert.That(Headtap.Refused(Many("--split", "none")), Does.Contain("no pair has this split"));
        Assert.That(Headtap.Refused(Many("--layer", "1", "--head", "1")), Does.Contain("leave one head"));
        string tuned = TinyLenses.Write(s_folder, "tuned", new() { Kind = LensKind.Tuned }, [0]);
        Assert.That(Headtap.Refused("lens", "memory", "--model", TinyModel.Folder, "--lens", tuned, "--pairs",
            s_folder["pairs.jsonl"]), Does.Contain("reads the residual stream"));
    }
}
