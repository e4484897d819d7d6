using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary><c>attribute</c>: its JSON, files, and what it refuses.</summary>
public sealed class AttributeTests
{
    static readonly string[] s_pair = ["--clean-ids", "5,6,7,8", "--corrupt-ids", "5,9,7,8", "--answer-id",
        "20", "--wrong-id", "30"];

    static readonly string[] s_direct = ["--direct", "--answer-id", "20"];

    const string TwoPairs = """
        {"clean": [5,6,7,8], "corrupt": [5,9,7,8], "answer": 20, "wrong": 30}
        {"clean": [1,2], "corrupt": [1,3], "answer": 21, "wrong": 31}
        """;

    static string[] Line(params string[] options) => ["attribute", "--model", TinyModel.Folder, .. options];

    static JsonNode Json(params string[] options) => Headtap.Done([.. Line(options), "--json"]).Json;

    static double[] Values(JsonNode list, string field)
        => [.. list.AsArray().Select(item => (double)item![field]!)];

    [Test]
    public void Direct_parts_sum_to_the_logit_that_generation_takes()
    {
        JsonNode json = Json([.. s_direct, "--ids", "5,6,7"]);
        using var folder = new TemporaryFolder();
        Headtap.Done("trace", "--model", TinyModel.Folder, "--ids", "5,6,7", "--sites", "logits", "--out",
            folder["l.npy"]);
        float logit = NpyFile.ReadFloats(folder["l.npy"]).Values[2 * 280 + 20];
        Assert.That((double)json["logit"]!, Is.EqualTo((double)logit));
        // small weights: logits of about 0.1, whose float32 rounding is below 1e-8 a term
        Assert.That(Values(json["parts"]!, "value").Sum(), Is.EqualTo((double)logit).Within(1e-6));
        string[] names = [.. json["parts"]!.AsArray().Select(p => (string)p!["name"]!)];
        Assert.That(names, Is.EqualTo((string[])["embed", "pos_embed",
            "head 0.0", "head 0.1", "head 0.2", "head 0.3", "attn_bias 0", "mlp 0", "mlp_bias 0",
            "head 1.0", "head 1.1", "head 1.2", "head 1.3", "attn_bias 1", "mlp 1", "mlp_bias 1",
            "ln_final_bias"]));
        Assert.That(json["parts"]![3]!.ToJsonString(), Does.StartWith(
            """{"name":"head 0.1","kind":"head","layer":0,"head":1,"value":"""));
        Assert.That(Json([.. s_direct, "--clean-ids", "5,6,7"]).ToJsonString(),
            Is.EqualTo(json.ToJsonString()), "another name of the prompt");
    }

    [Test]
    public void Json_has_the_fields_of_the_results()
    {
        VerbJsonTests.Same(Json([.. s_direct, "--ids", "5,6", "--wrong-id", "30", "--bos"]),
            "model_hash pairs answer wrong logit sum parts bos",
            AttributeJobsJson.Default.AttributeDirectResult);
        VerbJsonTests.Same(Json([.. s_pair, "--agreement", "--by", "position", "--bos"]), "model_hash metric "
            + "ig_steps pairs clean corrupt nodes completeness agreement circuit positions bos",
            AttributeJobsJson.Default.AttributeResult);
    }

    [Test]
    public void A_difference_of_two_logits_and_neurons_are_split_too()
    {
        double one = (double)Json([.. s_direct, "--ids", "5,6,7"])["logit"]!;
        JsonNode json = Json([.. s_direct, "--ids", "5,6,7", "--wrong-id", "30", "--neurons", "1", "--top",
            "3"]);
        JsonNode other = Json("--direct", "--ids", "5,6,7", "--answer-id", "30");
        Assert.That((double)json["logit"]!, Is.EqualTo(one - (double)other["logit"]!));
        Assert.That(json["parts"]!.AsArray().Count(p => (string)p!["kind"]! == "neuron"), Is.EqualTo(3));
        Assert.That((double)json["sum"]!, Is.EqualTo((double)json["logit"]!).Within(1e-6));
    }

    [Test]
    public void Edges_nodes_and_circuit_are_one_whole()
    {
        using var folder = new TemporaryFolder();
        string csv = folder["e.csv"], lines = folder["e.jsonl"];
        string page = folder["p.html"], svg = folder["g.svg"];
        JsonNode json = Json([.. s_pair, "--agreement", "--edges", "30", "--edges-out", csv, "--out", page,
            "--svg", svg]);
        Assert.That((string)json["metric"]!, Is.EqualTo("logit-diff"));
        string[][] rows = [.. File.ReadAllLines(csv).Select(line => line.Split(','))];
        Assert.That(rows[0], Is.EqualTo((string[])["from", "to", "input", "effect"]));
        Assert.That(rows, Has.Length.EqualTo(1 + (int)json["circuit"]!["of"]!));
        double fromInput = rows.Where(r => r[0] == "input")
            .Sum(r => double.Parse(r[3], CultureInfo.InvariantCulture));
        Assert.That(fromInput, Is.EqualTo((double)json["completeness"]!["effect"]!).Within(1e-6));
        double[] effects = Values(json["circuit"]!["edges"]!, "effect");
        Assert.That(effects.Select(e => -Math.Abs(e)), Is.Ordered);
        Assert.That(effects, Has.Length.InRange(1, 30));
        string[] svgText = [File.ReadAllText(svg), File.ReadAllText(page)];
        Assert.That(svgText[1], Does.Contain(svgText[0]), "the page has the same picture");
        Assert.That(svgText[0].Split("<path class=\"edge"), Has.Length.EqualTo(1 + effects.Length));
        foreach (string file in (string[])[csv, page, svg])
            Assert.That(Manifest.Read(Manifest.PathFor(file)).Command, Is.EqualTo("attribute"));

        Headtap.Done(Line([.. s_pair, "--edges-out", lines, "--batch-rows", "2"]));
        Assert.That(File.ReadLines(lines).Select(l => (double)JsonNode.Parse(l)!["effect"]!),
            Is.EqualTo(rows.Skip(1).Select(r => double.Parse(r[3], CultureInfo.InvariantCulture))),
            "the same bits for any batching");
    }

    [Test]
    public void All_edges_are_faithful_and_a_file_of_pairs_gives_means()
    {
        JsonNode one = Json([.. s_pair, "--threshold", "1e-300", "--ig-steps", "0"]);
        Assert.That((double)one["circuit"]!["faithfulness"]!, Is.EqualTo(1).Within(1e-3));
        using var folder = new TemporaryFolder();
        string pairs = folder.Write("pairs.jsonl", TwoPairs);
        JsonNode other = Json("--clean-ids", "1,2", "--corrupt-ids", "1,3", "--answer-id", "21", "--wrong-id",
            "31", "--ig-steps", "0");
        JsonNode mean = Json("--pairs", pairs, "--ig-steps", "0");
        Assert.That((int)mean["pairs"]!, Is.EqualTo(2));
        Assert.That(Values(mean["nodes"]!, "effect"), Is.EqualTo(Values(one["nodes"]!, "effect")
            .Zip(Values(other["nodes"]!, "effect"), (a, b) => (a + b) / 2)).Within(1e-15));
        Assert.That(Values(mean["nodes"]!, "low"), Is.EqualTo(Values(one["nodes"]!, "effect")
            .Zip(Values(other["nodes"]!, "effect"), Math.Min)).Within(1e-15));
        string csv = folder["e.csv"], lines = folder["e.jsonl"];
        string[] all = ["--threshold", "1e-300", "--ig-steps", "0"];
        JsonNode edges = Json(["--pairs", pairs, .. all, "--edges-out", csv])["circuit"]!["edges"]!;
        Json(["--pairs", pairs, .. all, "--edges-out", lines]);
        JsonNode ofOther = Json(["--clean-ids", "1,2", "--corrupt-ids", "1,3", "--answer-id", "21",
            "--wrong-id", "31", .. all]);
        static string Name(JsonNode edge) => $"{edge["from"]} {edge["to"]} {edge["input"]}";
        static Dictionary<string, double> Effects(JsonNode json) => json["circuit"]!["edges"]!.AsArray()
            .ToDictionary(e => Name(e!), e => (double)e!["effect"]!);
        Dictionary<string, double> first = Effects(one), second = Effects(ofOther);
        Assert.That(first["input m0 "], Is.Not.EqualTo(second["input m0 "]), "a positive control");
        foreach (JsonNode? edge in edges.AsArray())
        {
            double a = first.GetValueOrDefault(Name(edge!)), b = second.GetValueOrDefault(Name(edge!));
            Assert.That((double)edge!["effect"]!, Is.EqualTo((a + b) / 2).Within(1e-15), Name(edge));
            Assert.That((double)edge["low"]!, Is.EqualTo(Math.Min(a, b)), Name(edge));
            Assert.That((double)edge["high"]!, Is.EqualTo(Math.Max(a, b)), Name(edge));
        }
        Assert.That(one["circuit"]!["edges"]![0]!.AsObject().ContainsKey("low"), Is.False, "of one pair");
        string[][] rows = [.. File.ReadAllLines(csv).Select(line => line.Split(','))];
        Assert.That(rows[0], Is.EqualTo((string[])["from", "to", "input", "effect", "low", "high"]));
        string[] fields = ["effect", "low", "high"];
        JsonNode[] parsed = [.. File.ReadLines(lines).Select(l => JsonNode.Parse(l)!)];
        foreach ((int at, string field) in fields.Index())
            Assert.That(rows.Skip(1).Select(r => double.Parse(r[3 + at], CultureInfo.InvariantCulture)),
                Is.EqualTo(parsed.Select(l => (double)l[field]!)), field);
        Assert.That(Headtap.Done(Line("--pairs", pairs)).Out, Does.Contain("from").And.Contain("to"));
        JsonNode direct = Json("--direct", "--pairs", pairs);
        Assert.That((double)direct["sum"]!, Is.EqualTo((double)direct["logit"]!).Within(1e-6));
    }

    [Test]
    public void By_position_it_agrees_with_patching_cell_by_cell()
    {
        JsonNode json = Json([.. s_pair, "--by", "position", "--ig-steps", "20"]), found = json["positions"]!;
        Assert.That(found["tokens"]!.ToJsonString(), Is.EqualTo("[5,9,7,8]"));
        JsonNode[] nodes = [.. found["nodes"]!.AsArray()!], streams = [.. found["streams"]!.AsArray()!];
        foreach (JsonNode? node in json["nodes"]!.AsArray())
            Assert.That(nodes.Where(n => (string)n["node"]! == (string)node!["node"]!)
                .Sum(n => (double)n["effect"]!), Is.EqualTo((double)node!["effect"]!).Within(1e-15));
        Compare("resid_pre", "position", streams);
        Compare("mlp_out", "position", [.. nodes.Where(n => ((string)n["node"]!)[0] == 'm')]);
        Compare("z", "head-position", [.. nodes.Where(n => n["head"] is not null)]);

        void Compare(string at, string by, JsonNode[] cells)
        {
            JsonNode patched = Headtap.Done(["patch", "--model", TinyModel.Folder, .. s_pair, "--at", at,
                "--by", by, "--json"]).Json;
            static string Place(JsonNode cell) => $"{cell["layer"]} {cell["head"]} {cell["position"]}";
            Dictionary<string, double> effects = patched["cells"]!.AsArray().ToDictionary(c => Place(c!),
                c => (double)c!["value"]! - (double)patched["corrupt"]!);
            Assert.That(cells.Select(Place), Is.EquivalentTo(effects.Keys), at);
            Assert.That(Correlation.Pearson([.. cells.Select(c => (double)c["effect"]!)],
                [.. cells.Select(c => effects[Place(c)])]), Is.GreaterThan(0.95), at);
        }
    }

    [Test]
    public void Positions_of_several_pairs_are_counted_from_the_end()
    {
        using var folder = new TemporaryFolder();
        string pairs = folder.Write("pairs.jsonl", TwoPairs), page = folder["p.html"];
        Assert.That(Headtap.Refused(Line("--pairs", pairs, "--by", "position")),
            Does.Contain("has 4 tokens and").And.Contain("--from-end, or effects by node"));
        JsonNode mean = Json("--pairs", pairs, "--by", "position", "--from-end", "--out", page)["positions"]!;
        JsonNode one = Json([.. s_pair, "--by", "position"])["positions"]!;
        JsonNode other = Json("--clean-ids", "1,2", "--corrupt-ids", "1,3", "--answer-id", "21", "--wrong-id",
            "31", "--by", "position")["positions"]!;
        foreach (string list in (string[])["nodes", "streams"])
        {
            JsonNode[] cells = [.. mean[list]!.AsArray()!];
            Assert.That(cells.Select(c => (int)c["position"]!).Distinct(), Is.EqualTo((int[])[-2, -1]));
            double[] first = Values(one[list]!, "effect"), second = Values(other[list]!, "effect");
            Assert.That(cells, Has.Length.EqualTo(second.Length));
            for (int i = 0; i < cells.Length; i++)
            {
                (double a, double b) = (first[i / 2 * 4 + 2 + i % 2], second[i]);
                Assert.That((double)cells[i]["effect"]!, Is.EqualTo((a + b) / 2).Within(1e-15));
                Assert.That((double)cells[i]["low"]!, Is.EqualTo(Math.Min(a, b)));
                Assert.That((double)cells[i]["high"]!, Is.EqualTo(Math.Max(a, b)));
            }
        }
        Assert.That(mean["tokens"], Is.Null);
        foreach (string title in (string[])["Effect of the stream into each block", "Effect of each head",
            "Effect of each feed-forward block"])
            Assert.That(File.ReadAllText(page), Does.Contain(title));
    }

    // One wrong answer that is missing would make another thing of the whole file.
    [Test]
    public void All_pairs_have_a_wrong_answer_or_none()
    {
        using var folder = new TemporaryFolder();
        string pairs = folder.Write("p.jsonl", """
            {"clean": [5,6], "corrupt": [5,3], "answer": 11, "wrong": 12}
            {"clean": [5,7], "corrupt": [5,4], "answer": 13}
            """);
        foreach (string[] verb in (string[][])[["attribute"], ["attribute", "--direct"], ["patch"]])
            Assert.That(Headtap.Refused([.. verb, "--model", TinyModel.Folder, "--pairs", pairs]),
                Does.Contain("line 2: it has no wrong answer"), string.Join(' ', verb));
        Headtap.Done("patch", "--model", TinyModel.Folder, "--pairs", pairs, "--metric", "logprob");
    }

    static IEnumerable<TestCaseData> Wrong()
    {
        TestCaseData Case(string said, params string[] line) => new(line, said);
        yield return Case("--ids: \"\" is not a token id", ["--direct", "--ids", "5,", "--answer-id", "3"]);
        yield return Case("2 tokens and the corrupted one 3", ["--clean-ids", "1,2",
            "--corrupt-ids", "1,2,3", "--answer-id", "4"]);
        yield return Case("the same tokens", ["--clean-ids", "1,2", "--corrupt-ids", "1,2",
            "--answer-id", "4"]);
        yield return Case("neither --corrupt nor --corrupt-ids", ["--ids", "1,2", "--answer-id",
            "4"]);
        yield return Case("needs two tokens", ["--clean-ids", "1,2", "--corrupt-ids", "1,3",
            "--answer-id", "4", "--metric", "logit-diff"]);
        yield return Case("rank, which has no gradient", [.. s_pair, "--metric", "rank"]);
        yield return Case("expected logit-diff, logprob or kl", [.. s_pair, "--metric", "loss"]);
        yield return Case("expected a word of one token", ["--clean-ids", "1,2", "--corrupt-ids",
            "1,3", "--answer", "xyzzy of"]);
        yield return Case("--edges is 0", [.. s_pair, "--edges", "0"]);
        yield return Case("--edges and --threshold", [.. s_pair, "--edges", "5", "--threshold", "1"]);
        yield return Case("--threshold is 0", [.. s_pair, "--threshold", "0"]);
        yield return Case("--ig-steps is -1", [.. s_pair, "--ig-steps", "-1"]);
        yield return Case("--by is \"head\"; expected node or position", [.. s_pair, "--by", "head"]);
        yield return Case("--from-end without --by position", [.. s_pair, "--from-end"]);
        yield return Case("--by says nothing with --direct", [.. s_direct, "--ids", "1", "--by", "position"]);
        yield return Case("--top is 11", [.. s_pair, "--top", "11"]);
        yield return Case("ends in .csv or .jsonl", [.. s_pair, "--edges-out", "edges.txt"]);
        yield return Case("ends in .svg", [.. s_pair, "--svg", "graph.png"]);
        yield return Case("--neurons says nothing without --direct", [.. s_pair, "--neurons", "1"]);
        yield return Case("--metric says nothing with --direct", [.. s_direct, "--ids", "1", "--metric",
            "kl"]);
        yield return Case("--neurons is 2", [.. s_direct, "--ids", "1", "--neurons", "2"]);
        yield return Case("--ids and --clean-ids name the same", [.. s_direct, "--ids", "1", "--clean-ids",
            "1"]);
        yield return Case("neither --clean nor --clean-ids", s_direct);
        yield return Case("--corrupt-ids says nothing about", ["--direct", "--ids", "1,2", "--answer-id", "4",
            "--corrupt-ids", "1,3"]);
        yield return Case("both token 4", ["--direct", "--ids", "1,2", "--answer-id", "4", "--wrong-id",
            "4"]);
        yield return Case("an id has an option of its own", ["--direct", "--ids", "1,2", "--answer", "179"]);
        yield return Case("answer token 280", ["--direct", "--ids", "1", "--answer-id", "280"]);
    }

    [TestCaseSource(nameof(Wrong))]
    public void What_does_not_fit_is_refused_in_a_line(string[] line, string said)
    {
        using var folder = new TemporaryFolder();
        string page = folder["page.html"];
        Assert.That(Headtap.Refused(Line([.. line, "--out", page])), Does.Contain(said));
        Assert.That(folder.Entries(), Is.Empty);
    }

    [Test]
    public void Tables_are_printed()
    {
        using var folder = new TemporaryFolder();
        string direct = Headtap.Done(Line([.. s_direct, "--ids", "5,6,7", "--out", folder["d.html"]])).Out;
        Assert.That(direct, Does.StartWith("logit  ").And.Contain("the parts sum to").And.Contain("embed"));
        Assert.That(File.ReadAllText(folder["d.html"]), Does.Contain("What adds to a logit"));
        string edges = Headtap.Done(Line([.. s_pair, "--agreement", "--top", "3", "--metric", "kl"])).Out;
        foreach (string word in (string[])["metric        kl", "faithfulness", "patched"])
            Assert.That(edges, Does.Contain(word));
        Assert.That(edges, Does.Not.Contain("stream"));
        string places = Headtap.Done(Line([.. s_pair, "--by", "position", "--top", "3"])).Out;
        Assert.That(places, Does.Contain("stream").And.Contain("layer 1").And.Contain("position"));
    }
}
