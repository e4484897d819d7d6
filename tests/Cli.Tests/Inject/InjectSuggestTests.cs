using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>inject suggest.</summary>
public sealed class InjectSuggestTests
{
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        string[] words = ["north", "city", "country", "capital"];
        File.WriteAllLines(s_folder["pairs.jsonl"], Enumerable.Range(0, 8).Select(i => new JsonObject
        {
            ["explicit"] = $"the capital of {words[i % 4]} is",
            ["obscure"] = $"the capital of the {words[(i + 1) % 4]} of the {words[i % 3]} is",
            ["bridge"] = words[i % 4], ["answer"] = words[(i + 1) % 4],
            ["split"] = i % 2 == 0 ? "validation" : "test",
        }.ToJsonString()));
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] Pair(params string[] more) => ["inject", "suggest", "--model", TinyModel.Folder,
        "--explicit", "the capital of the city is", "--obscure",
        "the capital of the country of the north is", .. more];

    static string[] Data(params string[] more)
        => ["inject", "suggest", "--model", TinyModel.Folder, "--data", s_folder["pairs.jsonl"], .. more];

    [Test]
    public void One_pair_gets_a_layer_a_head_a_memory_and_its_edit()
    {
        string spec = s_folder["edit.json"];
        JsonNode json = Headtap.Done(
            Pair("--bridge", "city", "--answer", "north", "--edit-out", spec, "--json")).Json;
        double[] layers = [.. json["divergence_by_layer"]!.AsArray().Select(d => (double)d!)];
        Assert.That(Array.IndexOf(layers, layers.Min()), Is.EqualTo((int)json["layer"]!));
        JsonNode chosen = json["memories"]!.AsArray()
            .Single(m => (string)m!["memory"]! == (string)json["chosen"]!)!;
        Assert.That(json["memories"]!.AsArray().Where(m => (string)m!["memory"]! != "difference")
            .Min(m => (double)m!["divergence"]!), Is.EqualTo((double)chosen["divergence"]!));
        Assert.That((string)json["reason"]!, Does.Contain($"layer {(int)json["layer"]!}").And.EndsWith("."));
        Assert.That(EditSpec.Read(spec)[0].Alpha, Is.EqualTo((float)chosen["tau"]!));
        Assert.That(Headtap.Done(Pair("--bridge", "city")).Out,
            Does.Contain("bridge-layer").And.Contain("nats"));
    }

    [TestCase("--bridge", "city"), TestCase("--answer", "north")]
    public void A_prompt_that_does_not_fail_gets_no_proposal(string option, string word)
    {
        string[] same = ["inject", "suggest", "--model", TinyModel.Folder, "--explicit", "the capital is",
            "--obscure", "the capital is", option, word];
        string printed = Headtap.Done(same).Out;
        Assert.That(printed, Does.Contain("The next token is 0.00 nats from the single-hop prompt's, and no "
            + "layer's").And.Contain("no memory of the kind asked for comes nearer than nothing."));
        Assert.That(printed, Does.Not.Contain("  > ").And.Not.Contain("any other layer"));
        Assert.That(printed.Split('\n').Single(line => line.Contains("difference-tokens")).Trim(),
            Does.Match("0 +0 +0.000( +[0-9.]+ % +[0-9]+)?$"));
        if (option == "--bridge")
            Assert.That(printed, Does.Contain("The multi-hop prompt does not fail"));
        JsonNode json = Headtap.Done([.. same, "--json"]).Json;
        Assert.That(json["memories"]!.AsArray().Select(m => (double)m!["tau"]!), Is.All.Zero);
        string spec = s_folder["idle.json"];
        Assert.That(Headtap.Done([.. same, "--edit-out", spec]).Error,
            Does.Contain($"{spec}: edit 0 has alpha 0, so it changes nothing\n"));
    }

    [Test]
    public void Without_a_bridge_memories_come_from_the_runs_alone()
    {
        JsonNode json = Headtap.Done(Pair("--answer", "north", "--count", "3", "--json")).Json;
        Assert.That(json["memories"]!.AsArray().Select(m => (string)m!["memory"]!),
            Is.EqualTo(["difference", "difference-tokens", "explicit-tokens"]));
        Assert.That(json["memories"]![1]!["token_ids"]!.AsArray(), Has.Count.EqualTo(3));
        Assert.That(json["bridge"], Is.Null);
        Assert.That(Headtap.Refused(Pair("--answer", "north", "--memory", "bridge")),
            Does.Contain("needs --bridge"));
    }

    [Test]
    public void Every_pair_of_a_file_gets_a_row_as_if_it_were_alone()
    {
        string path = s_folder["rows.jsonl"];
        Headtap run = Headtap.Done(Data("--out", path, "--memory", "difference-tokens"));
        Assert.That(run.Out, Does.Contain("failing layers").And.Contain("chosen"));
        JsonNode[] rows = [.. File.ReadLines(path).Select(line => JsonNode.Parse(line)!)];
        Assert.That(rows, Has.Length.EqualTo(8));
        Assert.That(rows.Select(r => (string)r["chosen"]!), Is.All.EqualTo("difference-tokens"));
        Assert.That(Manifest.Read(path + ".manifest.json").Options["count"]!.GetValue<int>(), Is.EqualTo(20));
        JsonNode alone = Headtap.Done("inject", "suggest", "--model", TinyModel.Folder, "--explicit",
            (string)rows[2]["explicit"]!, "--obscure", (string)rows[2]["obscure"]!, "--answer", "x",
            "--json").Json;
        Assert.That(alone["divergence_by_layer"]!.ToJsonString(),
            Is.EqualTo(rows[2]["divergence_by_layer"]!.ToJsonString()));
    }

    [Test]
    public void Pairs_are_counted_that_a_memory_helps()
    {
        PromptPairs.Write(s_folder["two.jsonl"],
        [
            new("the capital is", "the capital is", "city", "north"),
            new("the capital of the city is", "the capital of the country of the north is", "city", "north"),
        ]);
        string[] call = ["inject", "suggest", "--model", TinyModel.Folder, "--data", s_folder["two.jsonl"],
            "--memory", "difference"];
        int helped = (double)Headtap.Done(
            Pair("--answer", "north", "--memory", "difference", "--json")).Json["memories"]!.AsArray()
            .Single(m => (string)m!["memory"]! == "difference")!["tau"]! != 0 ? 1 : 0;
        Assert.That(helped, Is.EqualTo(1), "the second pair's memory moves it");
        foreach (string line in Headtap.Done(call).Out.Split('\n')
            .Where(l => l.TrimStart().StartsWith("difference ", StringComparison.Ordinal)
                || l.TrimStart().StartsWith("chosen ", StringComparison.Ordinal)))
            Assert.That(line.Trim(), Does.Match("^[a-z]+ +1 "));
    }

    [Test]
    public void An_evaluation_reports_on_the_test_split()
    {
        JsonNode json = Headtap.Done(Data("--evaluate", "--tau", "1,3", "--json")).Json;
        Assert.That((int)json["test_pairs"]!, Is.EqualTo(4));
        Assert.That(json["results"]!.AsArray().Select(r => (string)r!["way"]!),
            Does.Contain("nothing injected").And.Contain("suggested: difference"));
        foreach (JsonNode? result in json["results"]!.AsArray())
            Assert.That((double)result!["mean_p"]!,
                Is.InRange((double)result["mean_p_interval"]![0]!, (double)result["mean_p_interval"]![1]!));
        Assert.That(Headtap.Done(Data("--evaluate", "--tau", "1")).Out, Does.Contain("one cell for all"));
    }

    [TestCase("expected --explicit and --obscure, or --data")]
    [TestCase("expected both prompts", "--explicit", "the city")]
    [TestCase("belong to --data", "--explicit", "the", "--obscure", "the", "--bridge", "city", "--evaluate")]
    [TestCase("neither --bridge nor --answer", "--explicit", "the", "--obscure", "the")]
    [TestCase("--memory is \"best\"", "--memory", "best")]
    [TestCase("--count is 0", "--count", "0")]
    public void Bad_input_is_one_line(string expected, params string[] more) => Assert.That(
        Headtap.Refused(["inject", "suggest", "--model", TinyModel.Folder, .. more]), Does.Contain(expected));

    [Test]
    public void Data_without_the_splits_cannot_be_evaluated()
    {
        File.WriteAllText(s_folder["one.jsonl"],
            "{\"explicit\":\"the\",\"obscure\":\"the\",\"bridge\":\"city\",\"answer\":\"city\"}\n");
        Assert.That(Headtap.Refused("inject", "suggest", "--model", TinyModel.Folder, "--data",
            s_folder["one.jsonl"], "--evaluate"), Does.Contain("validation"));
        Assert.That(Headtap.Refused(Data("--split", "train")), Does.Contain("no pair has split"));
        Assert.That(Headtap.Refused(Data("--bridge", "city")), Does.Contain("belong to one pair"));
        Assert.That(Headtap.Refused(Data("--tau", "2")), Does.Contain("--tau is of the fixed cells"));
        Assert.That(Headtap.Refused(Data("--evaluate", "--memory", "bridge")),
            Does.Contain("compares all memories"));
    }
}
