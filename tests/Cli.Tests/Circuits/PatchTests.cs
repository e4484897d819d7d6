using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>patch.</summary>
public sealed class PatchTests
{
    static string[] Line(params string[] more) => ["patch", "--model", TinyModel.Folder, "--clean-ids",
        "5,6,7,8,9", "--corrupt-ids", "5,3,7,1,9", "--answer-id", "11", "--wrong-id", "23", .. more];

    static string[] Bare(params string[] more) => ["patch", "--model", TinyModel.Folder, .. more];

    static double[] Values(JsonNode json) => [.. json["cells"]!.AsArray().Select(c => (double)c!["value"]!)];

    /// <summary>The formats that scripts rely on, against a whole pass for each cell.</summary>
    [TestCase("resid_pre", SiteKind.ResidPre, false), TestCase("attn_out", SiteKind.AttnOut, false),
        TestCase("mlp_out", SiteKind.MlpOut, false), TestCase("z", SiteKind.Z, true)]
    public void Json_has_clean_corrupt_and_the_value_of_each_cell(string at, SiteKind kind, bool heads)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, TinyModel.Folder);
        Site[] sites = [new(kind, 0), new(kind, 1)];
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = 5, Logits = LogitsAt.Last, Record = sites,
        });
        foreach (string metric in (string[])["logit-diff", "logprob"])
        {
            double Measured()
            {
                float[] z = session.Logits.ToArray();
                return metric == "logit-diff" ? (double)z[11] - z[23]
                    : z[11] - Math.Log(z.Sum(v => Math.Exp(v)));
            }
            JsonNode json = Headtap.Done(Line("--at", at, "--metric", metric, "--json")).Json;
            session.Forward(new SequenceBatch([[5, 6, 7, 8, 9]]));
            Assert.That((double)json["clean"]!, Is.EqualTo(Measured()).Within(1e-12));
            float[][] values = [.. sites.Select(s => session.Recordings[s].ToArray())];
            int[] shape = session.Recordings[sites[0]].Shape;
            session.Forward(new SequenceBatch([[5, 3, 7, 1, 9]]));
            Assert.That((double)json["corrupt"]!, Is.EqualTo(Measured()).Within(1e-12));
            JsonArray cells = json["cells"]!.AsArray();
            Assert.That(cells, Has.Count.EqualTo(heads ? 8 : 10));
            foreach (JsonNode? cell in cells)
            {
                int layer = (int)cell!["layer"]!, place = (int)cell[heads ? "head" : "position"]!;
                Assert.That(cell[heads ? "position" : "head"], Is.Null);
                using (model.Attach(new Edit
                {
                    Site = sites[layer], Operation = EditOperation.Patch,
                    Value = EditValue.Recorded(values[layer], shape), Head = heads ? place : null,
                    Positions = heads ? EditPositions.All : EditPositions.List([place]),
                }))
                    session.Forward(new SequenceBatch([[5, 3, 7, 1, 9]]));
                Assert.That((double)cell["value"]!, Is.EqualTo(Measured()).Within(1e-12));
            }
        }
    }

    [TestCase("--at", "resid_mid"), TestCase("--at", "z", "--by", "head-position"),
        TestCase("--at", "pattern"), TestCase("--at", "mlp_post", "--neurons", "3,20-27"),
        TestCase("--from", "heads", "--to", "final"),
        TestCase("--noise-positions", "1,-2", "--samples", "3", "--metric", "kl")]
    public void Threads_and_rows_of_a_pass_change_nothing(params string[] more)
    {
        string[] line = more[0] == "--noise-positions" ? Bare(["--clean", "the city", "--answer-id", "11",
            "--json", .. more]) : Line(["--json", .. more]);
        string all = Headtap.Done([.. line, "--threads", "2"]).Out;
        Assert.That(Headtap.Done([.. line, "--threads", "1"]).Out, Is.EqualTo(all));
        Assert.That(Headtap.Done([.. line, "--batch-rows", "1"]).Out, Is.EqualTo(all));
        Assert.That(Headtap.Done([.. line, "--batch-rows", "3"]).Out, Is.EqualTo(all));
        Assert.That(Values(Headtap.Done(line).Json).Distinct().Count(), Is.GreaterThan(1));
    }

    [Test]
    public void The_direction_exchanges_the_runs_and_a_share_says_how_far_a_cell_comes()
    {
        JsonNode denoise = Headtap.Done(Line("--by", "layer", "--json")).Json;
        Assert.That(Values(denoise), Is.All.EqualTo((double)denoise["clean"]!));
        Assert.That(denoise["cells"]!.AsArray().Select(c => (double)c!["share"]!), Is.All.EqualTo(1.0));
        JsonNode noise = Headtap.Done(Line("--by", "layer", "--direction", "noise", "--json")).Json;
        Assert.That(Values(noise), Is.All.EqualTo((double)noise["corrupt"]!));
        Assert.That((double)noise["corrupt"]!, Is.EqualTo((double)denoise["corrupt"]!));
        Assert.That(noise["tokens"]!.ToJsonString(), Does.Contain("6").And.Not.Contain("3,"));
    }

    [Test]
    public void A_file_of_pairs_gives_means_with_intervals()
    {
        using var folder = new TemporaryFolder();
        string[] rows = ["""{"clean": [5,6,7], "corrupt": [5,3,7], "answer": 11, "wrong": 23}""",
            """{"clean": [8,6,1], "corrupt": [8,2,1], "answer": 12, "wrong": 4}""",
            """{"clean": [9,9,2], "corrupt": [5,9,2], "answer": 40, "wrong": 23}"""];
        string file = folder.Write("pairs.jsonl", string.Join('\n', rows));
        JsonNode json = Headtap.Done(Bare("--pairs", file, "--json")).Json;
        Assert.That(((int)json["pairs"]!, (string)json["metric"]!), Is.EqualTo((3, "logit-diff")));
        JsonNode[] each = [.. rows.Select((row, i) => Headtap.Done(Bare("--pairs",
            folder.Write($"{i}.jsonl", row), "--json")).Json)];
        double[] mean = [.. Values(each[0]).Select((_, cell) => each.Average(one => Values(one)[cell]))];
        Assert.That(Values(json), Is.EqualTo(mean).Within(1e-12));
        foreach (JsonNode? cell in json["cells"]!.AsArray())
            Assert.That((double)cell!["low"]!, Is.LessThanOrEqualTo((double)cell["value"]!)
                .And.LessThan((double)cell["high"]!));
        Assert.That(each[0]["cells"]![0]!["low"], Is.Null, "one pair has no interval");
    }

    [Test]
    public void Pairs_of_several_lengths_are_counted_from_the_end()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("pairs.jsonl",
            """
            {"clean": [5,6,7], "corrupt": [5,3,7], "answer": 11}
            {"clean": [8,6,1,2], "corrupt": [8,2,1,2], "answer": 12}
            """);
        Assert.That(Headtap.Refused(Bare("--pairs", file)), Does.Contain("line 1 has 3 tokens and ")
            .And.Contain("line 2 4; expected one length").And.Contain("--from-end"));
        JsonNode json = Headtap.Done(Bare("--pairs", file, "--from-end", "--json")).Json;
        Assert.That(json["cells"]!.AsArray().Select(c => ((int)c!["layer"]!, (int)c["position"]!)),
            Is.EqualTo(((int, int)[])[(0, -3), (0, -2), (0, -1), (1, -3), (1, -2), (1, -1)]));
        Assert.That(Headtap.Done(Bare("--pairs", file, "--at", "z", "--json")).Json["cells"]!.AsArray(),
            Has.Count.EqualTo(8));
        Assert.That(Headtap.Done(Bare("--pairs", file, "--positions", "-1", "--from-end", "--json"))
            .Json["cells"]!.AsArray(), Has.Count.EqualTo(2));
    }

    [Test]
    public void Prompts_of_different_length_need_pairs_of_positions()
    {
        string[] line = Bare("--clean-ids", "5,6,7,8", "--corrupt-ids", "5,7", "--answer-id", "11");
        Assert.That(Headtap.Refused(line), Does.Contain("clean prompt has 4 tokens and the corrupted one 2")
            .And.Contain("--align"));
        JsonNode json = Headtap.Done([.. line, "--align", "0-0,2-1", "--json"]).Json;
        Assert.That(json["cells"]!.AsArray().Select(c => (int)c!["position"]!),
            Is.EqualTo((int[])[0, 1, 0, 1]));
        Assert.That(Values(json)[0], Is.EqualTo((double)json["corrupt"]!), "the first token is the same");
    }

    [Test]
    public void Each_pair_of_a_file_may_align_its_positions()
    {
        using var folder = new TemporaryFolder();
        double[] Single(string clean, string corrupt, string align) => Values(Headtap.Done(
            Bare("--clean-ids", clean, "--corrupt-ids", corrupt, "--answer-id", "11", "--at", "z", "--align",
                align, "--json")).Json);
        string pairs = folder.Write("p.jsonl", """
            {"clean": [5,6,7,8], "corrupt": [5,7], "answer": 11, "align": "0-0,2-1"}
            {"clean": [9,3], "corrupt": [9,4,1], "answer": 11, "align": "1-2"}
            """);
        double[] first = Single("5,6,7,8", "5,7", "0-0,2-1"), second = Single("9,3", "9,4,1", "1-2");
        Assert.That(Values(Headtap.Done(Bare("--pairs", pairs, "--at", "z", "--json")).Json),
            Is.EqualTo(first.Zip(second, (a, b) => (a + b) / 2)).Within(1e-12));
        string same = folder.Write("s.jsonl", """
            {"clean": [5,6,7], "corrupt": [5,7], "answer": 11, "align": "0-0,2-1"}
            {"clean": [9,3,2], "corrupt": [9,4], "answer": 11, "align": "1-1"}
            """);
        Assert.That(Headtap.Refused(Bare("--pairs", same)),
            Does.Contain("line 1 and").And.Contain("line 2 align other positions"));
        Assert.That(Headtap.Done(Bare("--pairs", same, "--from-end", "--json")).Json["cells"]!.AsArray()
            .Select(c => (int)c!["position"]!), Is.EqualTo((int[])[-1, -1]));
    }

    [Test]
    public void Drawn_corruptions_are_averaged_and_seeded()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("rows.json", "[[1,2,3],[4,5,6],[5,6,7],[7,8],[9,1,2]]");
        string[] resample = Bare("--clean-ids", "5,6,7", "--answer-id", "11", "--resample", file, "--json");
        JsonNode all = Headtap.Done(resample).Json;
        double[][] each = [.. ((string[])["1,2,3", "4,5,6", "9,1,2"]).Select(ids => Values(Headtap.Done(
            Bare("--clean-ids", "5,6,7", "--corrupt-ids", ids, "--answer-id", "11", "--json")).Json))];
        Assert.That(Values(all), Is.EqualTo(each[0].Select((_, i) => each.Average(e => e[i]))).Within(1e-12));
        string[] noise = Bare("--clean-ids", "5,6,7", "--answer-id", "11", "--noise-positions", "1",
            "--samples", "2", "--json");
        string first = Headtap.Done(noise).Out;
        Assert.That(Headtap.Done(noise).Out, Is.EqualTo(first));
        Assert.That(Headtap.Done([.. noise, "--seed", "1"]).Out, Is.Not.EqualTo(first));
        JsonNode json = JsonNode.Parse(first)!;
        Assert.That(Values(json)[1], Is.EqualTo((double)json["clean"]!).Within(1e-12),
            "position 1 of the first stream is all that noise changed");
        Assert.That(Values(json)[0], Is.EqualTo((double)json["corrupt"]!).Within(1e-12));
    }

    [Test]
    public void A_file_to_draw_from_has_a_prompt_a_line_where_that_is_said()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("rows.txt", "the city\na city\n");
        string[] Call(string clean, params string[] more) => ["patch", "--model", TinyModel.Folder, "--clean",
            clean, "--answer-id", "11", "--at", "resid_pre", "--json", .. more];
        Headtap lines = Headtap.Done(Call("the city", "--resample",
            folder.Write("lines.txt", "the city\nthe capital\nthe city is\nthe country\na capital of the\n"),
            "--lines", "--samples", "1"));
        Assert.That(lines.Error, Does.Contain("5 prompts, one a line"));
        Assert.That(Headtap.Done(Call("a city\nthe city\n", "--resample", file)).Error,
            Does.Contain("one prompt of 2 lines").And.Contain("--lines makes each line a prompt"));
        Assert.That(Headtap.Refused(Call("the city", "--corrupt", "a city", "--lines")),
            Does.Contain("--lines without --resample"));
        string rows = folder.Write("rows.jsonl", """{"said": "a city\nthe city\n"}""");
        Assert.That(Headtap.Done(Call("the city\na city\n", "--resample", rows, "--fields", "said")).Out,
            Is.Not.Empty);
    }

    [Test]
    public void Files_are_a_page_a_figure_and_a_table_with_manifests()
    {
        using var folder = new TemporaryFolder();
        (string page, string svg, string csv, string rows) =
            (folder["p.html"], folder["p.svg"], folder["p.csv"], folder["p.jsonl"]);
        JsonNode json = Headtap.Done(Line("--out", page, "--svg", svg, "--table", csv, "--json")).Json;
        Headtap.Done(Line("--table", rows));
        Assert.That(File.ReadAllText(page), Does.Not.Contain("src=").And.Not.Contain("href")
            .And.Contain("resid_pre patched").And.Contain("share of the way"));
        XElement figure = XDocument.Parse(File.ReadAllText(svg)).Root!;
        Assert.That(figure.Elements().Count(e => e.Name.LocalName == "rect"), Is.EqualTo(10));
        string[][] table = [.. File.ReadAllLines(csv).Select(line => line.Split(','))];
        Assert.That(table[0], Is.EqualTo((string[])["layer", "position", "head", "neuron", "value", "share",
            "low", "high"]));
        Assert.That(table[1..].Select(r => double.Parse(r[4], CultureInfo.InvariantCulture)),
            Is.EqualTo(Values(json)));
        Assert.That(File.ReadAllLines(rows).Select(line => (double)JsonNode.Parse(line)!["value"]!),
            Is.EqualTo(Values(json)));
        foreach (string file in (string[])[page, svg, csv, rows])
            Assert.That((string)JsonNode.Parse(File.ReadAllText(file + ".manifest.json"))!["command"]!,
                Is.EqualTo("patch"));
        string before = File.ReadAllText(page);
        Headtap.Done(Line("--out", page));
        Assert.That(File.ReadAllText(page), Is.EqualTo(before), "two runs, two pages");
    }

    [TestCase("--at", "z", "--by", "head-position"), TestCase("--at", "mlp_post", "--by", "neuron"),
        TestCase("--from", "blocks.0.attn.hook_z:1", "--to", "final"), TestCase("--by", "layer"),
        TestCase("--from", "mlps", "--to", "blocks.1.attn.hook_q:0,blocks.1.attn.hook_k", "--freeze",
            "heads"),
        TestCase("--metric", "rank"), TestCase("--at", "z")]
    public void Every_kind_of_cell_has_a_page_and_a_table_on_the_terminal(params string[] more)
    {
        using var folder = new TemporaryFolder();
        Headtap run = Headtap.Done(Line([.. more, "--out", folder["p.html"]]));
        Assert.That(run.Out, Does.Contain("clean ").And.Contain("corrupt ").And.Contain("patched "));
        Assert.That(run.Out.Split('\n'), Has.Length.GreaterThan(6));
        Assert.That(File.ReadAllText(folder["p.html"]), Does.EndWith("</html>\n"));
    }
}
