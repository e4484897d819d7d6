using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>view.</summary>
public sealed class ViewTests
{
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var other = new LanguageModel(device, TinyModel.Config);
        other.Initialize(6);
        other.Save(s_folder["other"], TinyModel.Folder);
        using var wide = new LanguageModel(device, TinyModel.Config with { Heads = 5 });
        wide.Save(s_folder["wide"], TinyModel.Folder);
        s_folder.Write("two.json", "[[1, 2, 3, 4, 5], [9, 8, 7]]");
        s_folder.Write("three.json", "[[1], [2], [3]]");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    // The data that the page's script reads.
    static JsonNode Data(string page)
    {
        string html = File.ReadAllText(page);
        const string Begin = "<script type=\"application/json\">";
        int at = html.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        return JsonNode.Parse(html[at..html.IndexOf("</script>", at, StringComparison.Ordinal)])!;
    }

    [Test]
    public void The_parts_add_up_to_the_logits_and_the_page_holds_the_run()
    {
        string page = s_folder["one.html"];
        JsonNode json = Headtap.Done("view", "--model", TinyModel.Folder, "--ids", "5,6,7,8", "--answer-id",
            "9", "--wrong-id", "11", "--out", page, "--json").Json;
        int[] chosen = json["chosen"]!.Deserialize<int[]>()!;
        Assert.That(chosen[..2], Is.EqualTo((int[])[9, 11]));
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, TinyModel.Folder);
        using var session = new ModelSession(model,
            new SessionOptions { MaxTokens = 4, Logits = LogitsAt.Last });
        session.Forward(new SequenceBatch([[5, 6, 7, 8]]));
        float[] logits = session.Logits.ToArray();
        JsonArray parts = json["runs"]![0]!["parts"]!.AsArray();
        for (int k = 0; k < chosen.Length; k++)
            Assert.That(parts.Sum(p => (double)p!["values"]![k]!),
                Is.EqualTo(logits[chosen[k]]).Within(2e-5), $"token {chosen[k]}");
        Assert.That((string?)parts.Single(p => (int?)p!["head"] == 2 && (int?)p["layer"] == 1)!["part"],
            Is.EqualTo("1.2"));
        JsonNode data = Data(page), run = data["runs"]![0]!;
        Assert.That(run["tokens"]!.Deserialize<int[]>(), Is.EqualTo((int[])[5, 6, 7, 8]));
        byte[] pattern = Convert.FromBase64String((string)run["pattern"]!);
        Assert.That(pattern, Has.Length.EqualTo(2 * 4 * 10));
        Assert.That(pattern[0], Is.EqualTo(255), "the first token sees itself alone");
        Assert.That((long)json["bytes"]!, Is.EqualTo(new FileInfo(page).Length));
        Assert.That(File.Exists(Manifest.PathFor(page)), Is.True);
        Assert.That((int)data["wrong"]!, Is.EqualTo(1));
    }

    [Test]
    public void Two_prompts_and_two_models_stand_side_by_side()
    {
        JsonNode prompts = Headtap.Done("view", "--model", TinyModel.Folder, "--batch", s_folder["two.json"],
            "--out", s_folder["two.html"], "--json").Json;
        Assert.That(prompts["runs"]!.AsArray().Select(r => r!["tokens"]!.AsArray().Count),
            Is.EqualTo((int[])[5, 3]));
        JsonNode models = Headtap.Done("view", "--model", TinyModel.Folder, "--other", s_folder["other"],
            "--ids", "1,2,3", "--out", s_folder["models.html"], "--json").Json;
        Assert.That(models["runs"]!.AsArray().Select(r => (string?)r!["model_hash"]), Is.EqualTo((string[])
            [ModelFolder.Hash(TinyModel.Folder), ModelFolder.Hash(s_folder["other"])]));
        Assert.That(Data(s_folder["models.html"])["runs"]!.AsArray(), Has.Count.EqualTo(2));
    }

    [Test]
    public void A_page_has_the_same_bytes_each_time_and_its_text_is_escaped()
    {
        string[] Call(string name) => ["view", "--model", TinyModel.Folder, "--text", "</script><b>&",
            "--out", s_folder[name]];
        Headtap.Done([.. Call("a.html"), "--threads", "1"]);
        Headtap.Done([.. Call("b.html"), "--threads", "2"]);
        string page = File.ReadAllText(s_folder["a.html"]);
        Assert.That(File.ReadAllText(s_folder["b.html"]), Is.EqualTo(page));
        Assert.That(page, Does.Not.Contain("</script><b>"));
    }

    [Test]
    public void Figures_are_the_parts_of_the_page()
    {
        string svg = s_folder["figure.svg"];
        JsonNode json = Headtap.Done("view", "--model", TinyModel.Folder, "--other", s_folder["other"],
            "--ids", "5,6,7,8", "--answer-id", "9", "--wrong-id", "11", "--out", s_folder["figures.html"],
            "--svg", svg, "--json").Json;
        Headtap plain = Headtap.Done("view", "--model", TinyModel.Folder, "--ids", "5,6", "--answer-id", "9",
            "--out", s_folder["plain.html"], "--svg", s_folder["plain.svg"]);
        foreach (string name in (string[])["plain.attention.svg", "plain.parts.svg", "plain.stream.svg"])
            Assert.That(plain.Error, Does.Contain($"written: {s_folder[name]}"));
        string[] names = ["figure.attention.svg", "figure.parts.svg", "figure.stream.svg",
            "figure.2.attention.svg", "figure.2.parts.svg", "figure.2.stream.svg"];
        Assert.That(json["figures"]!.AsArray().Select(f => Path.GetFileName((string)f!)), Is.EqualTo(names));
        Assert.That(File.Exists(svg), Is.False);
        XElement[] figures = [.. names.Select(name => XDocument.Parse(File.ReadAllText(s_folder[name]))
            .Root!)];
        Assert.That(names.All(name => File.Exists(Manifest.PathFor(s_folder[name]))), Is.True);
        string[] Titles(int figure) => [.. figures[figure].Descendants()
            .Where(e => e.Name.LocalName == "title").Select(e => e.Value)];
        Assert.That(Titles(0), Has.Length.EqualTo(16));
        Assert.That(Titles(0).Count(t => t.EndsWith("no value", StringComparison.Ordinal)), Is.EqualTo(6),
            "keys behind the query");
        Assert.That(Titles(0)[0], Does.EndWith(": 1.00"));
        Assert.That(Titles(0)[12..].Sum(t => double.Parse(t.Split(": ")[^1])), Is.EqualTo(1).Within(0.021),
            "what the last token looks at");
        // Layer by head, bias and mlp: what the JSON has.
        for (int run = 0; run < 2; run++)
        {
            JsonArray parts = json["runs"]![run]!["parts"]!.AsArray();
            JsonNode head = parts.Single(p => (string)p!["part"]! == "1.2")!;
            double value = (double)head["values"]![0]! - (double)head["values"]![1]!;
            Assert.That(Titles(3 * run + 1).Single(
                    t => t.StartsWith("layer 1, 2:", StringComparison.Ordinal)),
                Is.EqualTo($"layer 1, 2: {value:+0.00;-0.00;0.00}"));
        }
        Assert.That(Titles(2), Has.Length.EqualTo(12));
        string word = VisibleText.Of((string)json["runs"]![0]!["next"]![0]!["text"]!);
        Assert.That(Titles(2)[3], Does.StartWith("end, ").And.Contain($": {word}, "));
        Assert.That(Headtap.Refused("view", "--model", TinyModel.Folder, "--ids", "5", "--out",
            s_folder["never.html"], "--svg", s_folder["figure.png"]), Does.Contain("ends in .svg"));
        string edit = s_folder.Write("row.json",
            """{"edits":[{"site":"blocks.0.hook_mlp_out","op":"zero","rows":[0]}]}"""),
            two = s_folder.Write("both.json", "[[5,6],[5,7]]");
        Assert.That(Headtap.Refused("view", "--model", TinyModel.Folder, "--batch", two, "--edit", edit,
            "--out", s_folder["never.html"]), Does.Contain("each of 2 prompts runs by itself"));
        Assert.That(File.Exists(s_folder["never.html"]), Is.False);
    }

    [Test]
    public void A_lens_of_the_stream_has_a_grid_of_its_own()
    {
        string lens = TinyLenses.Write(s_folder, "tuned", new() { Kind = LensKind.Tuned }, [1]);
        string page = s_folder["grid.html"];
        Headtap.Done("view", "--model", TinyModel.Folder, "--ids", "5,6,7,8", "--lens", lens, "--out", page);
        JsonArray grids = Data(page)["runs"]![0]!["grids"]!.AsArray();
        Assert.That(grids.Select(g => (string)g!["lens"]!), Is.EqualTo((string[])["logit lens",
            "tuned lens tuned"]));
        Assert.That(grids[1]!["places"]!.Deserialize<string[]>(), Is.EqualTo((string[])["before 1", "end"]));
        JsonNode read = Headtap.Done("lens", "read", "--model", TinyModel.Folder, "--ids", "5,6,7,8",
            "--lens", lens, "--grid", "--json").Json;
        for (int t = 0; t < 4; t++)
        {
            JsonNode shown = grids[1]!["cells"]![0]![t]!;
            JsonNode cell = read["grid"]![0]!["rows"]![0]!["cells"]![t]!;
            Assert.That((int)shown[0]!, Is.EqualTo((int)cell["id"]!));
            Assert.That((int)shown[5]!, Is.EqualTo((int)cell["rank"]!));
            Assert.That((double)shown[4]!, Is.EqualTo((double)cell["entropy"]!).Within(0.00051));
        }
    }

    // The tokenizer and the config name two tokens that begin a text.
    [TestCase("view", "--out"), TestCase("lens gradient", "--out")]
    public void A_remark_on_the_tokenizer_comes_once(string verb, string output)
    {
        string folder = s_folder["disagree"];
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.GetFiles(TinyModel.Folder))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        File.WriteAllText(Path.Combine(folder, "generation_config.json"), "{\"bos_token_id\": 5}");
        Headtap run = Headtap.Done([.. verb.Split(' '), "--model", folder, "--text", "the city", "--bos",
            "--answer-id", "9", output, s_folder["remark.html"]]);
        Assert.That(run.Error.Split("is taken"), Has.Length.EqualTo(2));
    }

    [TestCase("--batch THREE", "3 prompts; expected one, or two")]
    [TestCase("--batch TWO --other OTHER", "two prompts and two models")]
    [TestCase("--ids 1,2 --other WIDE", "5 heads")]
    [TestCase("--ids 1,2 --top 0", "--top is 0")]
    [TestCase("--ids 1,2 --answer-id 280", "token 280 is outside the vocabulary of 280")]
    [TestCase("--ids 1,2 --wrong-id 4", "--wrong without --answer")]
    [TestCase("--ids 1,2 --answer-id 4 --wrong-id 4", "both token 4")]
    [TestCase("--ids 1,2 --answer-id 4 --answer x", "--answer and --answer-id")]
    [TestCase("--ids 1,2 --answer qxzqxz", "expected a word of one token, or its id")]
    [TestCase("--ids 1,2 --lens MISSING", "missing")]
    public void Wrong_calls_are_one_line_and_nothing_is_written(string call, string message)
    {
        var paths = new Dictionary<string, string>
        {
            ["THREE"] = s_folder["three.json"], ["TWO"] = s_folder["two.json"], ["OTHER"] = s_folder["other"],
            ["WIDE"] = s_folder["wide"], ["MISSING"] = s_folder["missing"],
        };
        string page = s_folder["wrong.html"];
        Assert.That(Headtap.Refused(["view", "--model", TinyModel.Folder,
            .. call.Split(' ').Select(w => paths.GetValueOrDefault(w, w)), "--out", page]),
            Does.Contain(message));
        Assert.That(File.Exists(page), Is.False);
    }
}
