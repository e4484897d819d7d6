using System.Text.Json.Nodes;
using HeadTap.Inject;

namespace HeadTap.Cli.Tests;

/// <summary>inject sweep and inject evaluate, on a small random model.</summary>
public sealed class InjectSweepTests
{
    static readonly string[] Files =
        ["cells.jsonl", "grid.csv", "manifest.json", "prompts.jsonl", "report.html"];

    static readonly PromptPair[] Pairs =
    [
        new("the capital is", "the city of the north is", "capital", "the")
        {
            ObscureEntity = "the city", Split = "validation",
        },
        new("a city is", "a capital of a country is", "city", "city") { Split = "test" },
        new("the north is", "the country of a city is", "north", "capital") { Split = "test" },
        new("the city is", "a city of the north is", "the city", "country") { Split = "validation" },
        new("the country is", "the north of the city is", "country", "north") { Split = "test" },
    ];

    [Test]
    public void A_sweep_writes_its_five_files_and_each_cell_is_the_injection_alone()
    {
        using TemporaryFolder folder = WithPairs();
        JsonNode json = Sweep(folder, "s", "--json", "--bos", "--layers", "1", "--taus", "2-3,7.5",
            "--position", "all,entity", "--top", "2").Json;
        Assert.That(Directory.GetFiles(folder["s"]).Select(Path.GetFileName).Order(), Is.EqualTo(Files));
        Assert.That(((int)json["pairs"]!, (int)json["cells"]!), Is.EqualTo((5, 6)));
        JsonNode[] cells = [.. File.ReadLines(folder["s/cells.jsonl"]).Select(l => JsonNode.Parse(l)!)];
        Assert.That(cells, Has.Length.EqualTo(30));
        Assert.That(cells[3]["position"]!.ToString(), Is.EqualTo("entity"));
        Assert.That(cells[9]["p_after"], Is.Null, "the second pair has no entity");
        JsonNode alone = Headtap.Done("inject", "run", "--model", TinyModel.Folder, "--bos", "--text",
            "the city of the north is", "--memory", "capital", "--answer", "the", "--layer", "1", "--tau",
            "7.5", "--json").Json;
        Assert.That((double)cells[2]["p_after"]!, Is.EqualTo((double)alone["p_after"]!));
        Assert.That((int)cells[2]["rank_after"]!, Is.EqualTo((int)alone["rank_after"]!));
        Assert.That(cells[2]["top"]!.AsArray().Select(t => (int)t!),
            Is.EqualTo(alone["top_after"]!.AsArray().Take(2).Select(t => (int)t!["id"]!)));
        string[] grid = File.ReadAllLines(folder["s/grid.csv"]);
        Assert.That(grid, Has.Length.EqualTo(7));
        double[] after = [.. Enumerable.Range(0, 5).Select(i => (double)cells[6 * i + 2]["p_after"]!)];
        Assert.That(grid[3].Split(',')[..5], Is.EqualTo((string[])["unembed", "all", "1", "7.5", "5"]));
        Assert.That(double.Parse(grid[3].Split(',')[6], System.Globalization.CultureInfo.InvariantCulture),
            Is.EqualTo(after.Average()).Within(1e-15));
        Assert.That(File.ReadAllText(folder["s/report.html"]), Does.Contain("<svg").And.Contain("<details>")
            .And.Contain("the city of the north is").And.Not.Contain("<script"));
    }

    [Test]
    public void A_stopped_sweep_goes_on_to_the_bytes_of_one_that_was_not()
    {
        using TemporaryFolder folder = WithPairs();
        Sweep(folder, "whole");
        Sweep(folder, "stopped");
        // as a kill leaves it: two pairs are done, a third is under way, nothing is summed up yet
        Cut(folder["stopped/prompts.jsonl"], 2, "{\"prompt\":2,");
        Cut(folder["stopped/cells.jsonl"], 2 * 2 * 15 + 7, "{\"pro");
        File.Delete(folder["stopped/grid.csv"]);
        File.Delete(folder["stopped/report.html"]);
        Sweep(folder, "stopped");
        Assert.That(Sweep(folder, "stopped").Error, Does.Contain("complete already"));
        foreach (string file in Files)
            Assert.That(File.ReadAllBytes(folder[$"stopped/{file}"]),
                Is.EqualTo(File.ReadAllBytes(folder[$"whole/{file}"])), file);

        static void Cut(string file, int lines, string rest)
            => File.WriteAllText(file, string.Concat(File.ReadLines(file).Take(lines).Select(l => l + "\n"))
                + rest);
    }

    [TestCase("--layers 2", "layer 2 does not exist; this model has layers 0 to 1")]
    [TestCase("--layers 1,x", "--layers is \"1,x\"")]
    [TestCase("--layers 0,0", "a layer stands twice")]
    [TestCase("--taus 1e39", "--taus is \"1e39\"")]
    [TestCase("--taus 3-1", "--taus is \"3-1\"")]
    [TestCase("--taus 1e30", "overflows float32")]
    [TestCase("--encoder words", "--encoder is \"words\"")]
    [TestCase("--position first", "--position is \"first\"")]
    [TestCase("--head 1", "a head belongs to the site result")]
    [TestCase("--split train", "no pair has split \"train\"; it has \"validation\", \"test\"")]
    [TestCase("--limit -1", "--limit is -1")]
    [TestCase("--report-prompts -1", "--report-prompts is -1")]
    public void Bad_input_is_one_line(string options, string message)
    {
        using TemporaryFolder folder = WithPairs();
        Assert.That(Headtap.Refused(["inject", "sweep", "--model", TinyModel.Folder, "--data",
            folder["pairs.jsonl"], "--out", folder["s"], .. options.Split(' ')]), Does.Contain(message));
        Assert.That(Directory.Exists(folder["s"]), Is.False, "nothing is half-written");
    }

    [Test]
    public void Prompts_without_their_entity_are_told_before_and_where_they_mix_leave_cells_blank()
    {
        using TemporaryFolder folder = WithPairs();
        PromptPairs.Write(folder["none.jsonl"], Pairs[1..]);
        Assert.That(Headtap.Refused("inject", "sweep", "--model", TinyModel.Folder, "--data",
            folder["none.jsonl"], "--out", folder["t"], "--position", "entity"),
            Does.Contain("no prompt contains its obscure_entity"));
        JsonNode json = Headtap.Done("inject", "sweep", "--model", TinyModel.Folder, "--data",
            folder["none.jsonl"], "--out", folder["t"], "--position", "entity,last", "--json").Json;
        Assert.That(json["best"]!["median"]!["position"]!.ToString(), Is.EqualTo("last"));
        Assert.That(File.ReadAllText(folder["t/report.html"]), Does.Contain("no value"));
        // one pair has no interval and no spread, and JSON has no NaN
        Headtap.Done("inject", "random", "--model", TinyModel.Folder, "--data", folder["none.jsonl"],
            "--layer", "1", "--tau", "2", "--limit", "1", "--category", "random-tokens", "--count", "3",
            "--json");
        Assert.That(Headtap.Refused("inject", "random", "--model", TinyModel.Folder, "--data",
            folder["none.jsonl"], "--layer", "1", "--tau", "2", "--limit", "1", "--category",
            "other-bridges"), Does.Contain("has no word but the pairs' own memory"));
        Assert.That(Headtap.Refused("inject", "random", "--model", TinyModel.Folder, "--data",
            folder["none.jsonl"], "--layer", "1", "--tau", "2", "--words", folder["none.jsonl"]),
            Does.Contain("--words is not used"));
    }

    [Test]
    public void Another_sweep_in_the_folder_and_damaged_pairs_are_refused()
    {
        using TemporaryFolder folder = WithPairs();
        Sweep(folder, "s");
        Assert.That(Headtap.Refused("inject", "sweep", "--model", TinyModel.Folder, "--data",
            folder["pairs.jsonl"], "--out", folder["s"], "--bos", "--device", "cpu"),
            Does.Contain("bos is false in its manifest.json and true here"));
        PromptPairs.Write(folder["empty.jsonl"], [Pairs[0], Pairs[1] with { Memory = "" }]);
        Assert.That(Headtap.Refused("inject", "sweep", "--model", TinyModel.Folder, "--data",
            folder["empty.jsonl"], "--out", folder["t"]), Does.Contain("empty.jsonl line 2: the memory"));
        Assert.That(Directory.Exists(folder["t"]), Is.False, "nothing is half-written");
    }

    [Test]
    public void Evaluation_chooses_on_one_split_and_measures_on_another()
    {
        using TemporaryFolder folder = WithPairs();
        string[] Call(string name) => ["inject", "evaluate", "--model", TinyModel.Folder, "--data",
            folder["pairs.jsonl"], "--taus", "1,5", "--draws", "2", "--json", "--out", folder[name]];
        JsonNode json = Headtap.Done(Call("a.json")).Json;
        Headtap.Done(Call("b.json"));
        Assert.That(File.ReadAllBytes(folder["b.json"]), Is.EqualTo(File.ReadAllBytes(folder["a.json"])));
        Assert.That(JsonNode.DeepEquals(JsonNode.Parse(File.ReadAllText(folder["a.json"])), json));
        Assert.That(((int)json["chosen_on"]!, (int)json["measured_on"]!), Is.EqualTo((2, 3)));
        JsonNode[] memories = [.. json["memories"]!.AsArray().Select(m => m!)];
        Assert.That(memories.Select(m => m["memory"]!.ToString()), Is.EqualTo((string[])
            ["the pair's memory", "another pair's memory", "random tokens"]));

        // the same cell by itself
        JsonNode cell = Sweep(folder, "s", "--split", "test", "--json", "--layers", $"{json["layer"]}",
            "--taus", $"{json["tau"]}").Json["best"]!["median"]!;
        Assert.That((double)memories[0]["p_after"]![0]!, Is.EqualTo((double)cell["mean_p_after"]!));
        Assert.That((double)memories[0]["median_percent"]![0]!, Is.EqualTo((double)cell["median_percent"]!));
        foreach (JsonNode m in memories)
            Assert.That((double)m["p_after"]![0]!,
                Is.InRange((double)m["p_after"]![1]!, (double)m["p_after"]![2]!), "its interval");
        Assert.That(Headtap.Refused("inject", "evaluate", "--model", TinyModel.Folder, "--data",
            folder["pairs.jsonl"], "--by", "luck"), Does.Contain("--by is \"luck\""));
        Assert.That(Headtap.Refused("inject", "evaluate", "--model", TinyModel.Folder, "--data",
            folder["pairs.jsonl"], "--measure", "train"), Does.Contain("--measure is \"train\""));
    }

    static Headtap Sweep(TemporaryFolder folder, string name, params string[] options) => Headtap.Done(
        ["inject", "sweep", "--model", TinyModel.Folder, "--data", folder["pairs.jsonl"], "--out",
            folder[name], .. options]);

    static TemporaryFolder WithPairs()
    {
        var folder = new TemporaryFolder();
        PromptPairs.Write(folder["pairs.jsonl"], Pairs);
        return folder;
    }
}
