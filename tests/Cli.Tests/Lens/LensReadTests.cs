using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using HeadTap.Lens;

namespace HeadTap.Cli.Tests;

/// <summary>lens read.</summary>
public sealed partial class LensReadTests
{
    static TemporaryFolder s_folder = null!;
    static string s_head = "", s_upper = "", s_tuned = "", s_foreign = "";

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        s_head = TinyLenses.Write(s_folder, "head", new() { Kind = LensKind.Head }, [0, 1]);
        s_upper = TinyLenses.Write(s_folder, "upper", new() { Kind = LensKind.LowRank, Rank = 3 }, [1]);
        s_tuned = TinyLenses.Write(s_folder, "tuned", new() { Kind = LensKind.Tuned }, [0, 1]);
        s_foreign = TinyLenses.Write(
            s_folder, "foreign", new() { Kind = LensKind.Thin }, [0], modelHash: new string('a', 64));
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] Line(string lens, params string[] more) => ["lens", "read", "--model", TinyModel.Folder,
        "--ids", "5,6,7,8", "--lens", lens, .. more];

    [Test]
    public void Json_has_ids_texts_and_logits_of_heads_beside_the_logit_lens_and_the_model()
    {
        JsonNode json = Headtap.Done(Line(s_head, "--layer", "1", "--head", "all", "--position", "2", "--top",
            "3", "--json")).Json;
        Assert.That((int)json["position"]!, Is.EqualTo(2));
        Assert.That(json["tokens"]!.AsArray().Select(t => (int)t!), Is.EqualTo([5, 6, 7, 8]));
        Assert.That(json["heads"]!.AsArray().Select(h => ((int)h!["layer"]!, (int)h["head"]!)),
            Is.EqualTo([(1, 0), (1, 1), (1, 2), (1, 3)]));
        JsonNode generated = Headtap.Done("generate", "--model", TinyModel.Folder, "--ids", "5,6,7",
            "--max-new-tokens", "1", "--json").Json;
        Assert.That((int)json["model"]![0]!["id"]!, Is.EqualTo((int)generated[0]!["new_ids"]![0]!));
        foreach (string lens in (string[])["top", "logit_lens"])
        {
            double[] logits = [.. json["heads"]![2]![lens]!.AsArray().Select(t => (double)t!["logit"]!)];
            Assert.That(logits, Has.Length.EqualTo(3).And.Ordered.Descending);
        }
        Assert.That((string)json["heads"]![0]!["top"]![0]!["text"]!, Is.Not.Empty);
        Assert.That(json["layers"]!.AsArray(), Has.Count.EqualTo(1));
    }

    [Test]
    public void The_logit_lens_stands_beside_every_lens_and_is_the_same()
    {
        JsonNode learned = Headtap.Done(Line(s_upper, "--json")).Json,
            logit = Headtap.Done(Line("logit", "--json", "--layer", "1")).Json;
        string[] Plain(JsonNode json, string name)
            => [.. json["heads"]!.AsArray().Select(h => h![name]!.ToJsonString())];
        Assert.That(Plain(learned, "logit_lens"), Is.EqualTo(Plain(logit, "top")));
        Assert.That(Plain(learned, "top"), Is.Not.EqualTo(Plain(logit, "top")));
    }

    [TestCase("-1", 3), TestCase("last", 3), TestCase("-4", 0), TestCase("0", 0)]
    public void Positions_count_from_the_start_or_from_the_end(string position, int expected)
    {
        JsonNode json = Headtap.Done(Line("logit", "--position", position, "--json")).Json;
        Assert.That((int)json["position"]!, Is.EqualTo(expected));
        JsonNode same = Headtap.Done(Line("logit", "--position", $"{expected}", "--json")).Json;
        Assert.That(json.ToJsonString(), Is.EqualTo(same.ToJsonString()));
    }

    [Test]
    public void A_tuned_lens_has_a_row_a_layer_and_no_heads()
    {
        JsonNode json = Headtap.Done(Line(s_tuned, "--json")).Json;
        Assert.That(json["heads"]!.AsArray(), Is.Empty);
        Assert.That(json["layers"]!.AsArray(), Has.Count.EqualTo(2));
        Assert.That(Headtap.Done(Line(s_tuned)).Out, Does.Contain("stream").And.Not.Contain("head 0"));
    }

    [Test]
    public void The_terminal_has_a_table_a_layer_and_the_models_words_above()
    {
        string text = Headtap.Done(Line(s_head, "--position", "1")).Out;
        Assert.That(text, Does.Contain("layer 0").And.Contain("layer 1").And.Contain("head 3")
            .And.Contain("all heads").And.Contain("logit lens").And.Contain("model     "));
    }

    [Test]
    public void The_page_holds_all_positions_and_needs_no_network()
    {
        string page = s_folder["page.html"];
        JsonNode json = Headtap.Done(Line(s_head, "--position", "1", "--out", page, "--json")).Json;
        string html = File.ReadAllText(page);
        Assert.That(html, Does.Not.Contain("http").And.Not.Contain("src="));
        JsonNode data = JsonNode.Parse(Data().Match(html).Groups["json"].Value)!;
        Assert.That(data["cells"]!.AsArray(), Has.Count.EqualTo(2)); // layers
        Assert.That(data["cells"]![1]!.AsArray(), Has.Count.EqualTo(5)); // heads, and all of them
        Assert.That(data["cells"]![1]![0]!.AsArray(), Has.Count.EqualTo(4)); // positions
        Assert.That((int)data["start"]!, Is.EqualTo(1));
        JsonNode head = json["heads"]!.AsArray().Single(h => (int)h!["layer"]! == 1 && (int)h["head"]! == 2)!;
        JsonNode cell = data["cells"]![1]![2]![1]!;
        Assert.That((double)cell[0]!, Is.EqualTo((double)head["favour"]!).Within(0.0051));
        foreach ((string name, int at) in (ReadOnlySpan<(string, int)>)[("top", 1), ("logit_lens", 3)])
            Assert.That(cell[at]!.AsArray().Select(id => (int)id!),
                Is.EqualTo(head[name]!.AsArray().Select(t => (int)t!["id"]!)));
        Assert.That(File.Exists(page + ".manifest.json"));
        string first = html;
        Headtap.Done(Line(s_head, "--position", "1", "--out", page));
        Assert.That(File.ReadAllText(page), Is.EqualTo(first), "two runs, two pages");
    }

    [Test]
    public void Text_of_a_prompt_is_escaped_in_the_page()
    {
        string page = s_folder["escaped.html"];
        Headtap.Done("lens", "read", "--model", TinyModel.Folder, "--text", "</script><b>", "--lens", "logit",
            "--out", page);
        string html = File.ReadAllText(page), data = Data().Match(html).Groups["json"].Value;
        Assert.That(data, Does.Not.Contain('<').And.Not.Contain('>'));
        Assert.That(JsonNode.Parse(data)!["tokens"]![0]!.ToString(), Does.StartWith("<"));
    }

    [Test]
    public void A_lens_for_another_model_is_one_line() => Assert.That(Headtap.Refused(Line(s_foreign)),
        Does.Contain("aaaaaaaaaaaa").And.Contain("expected the model it was made for"));

    [TestCase("0 to 3", "--position", "4"), TestCase("-1 to -4", "--position", "-5")]
    [TestCase("0 to 3", "--position", "first"), TestCase("--position", "--position", "1.5")]
    [TestCase("0 to 1", "--layer", "2"), TestCase("0 to 1", "--layer", "-1")]
    [TestCase("0 to 3", "--head", "4"), TestCase("0 to 3", "--head", "all,1")]
    [TestCase("1 to 280", "--top", "0"), TestCase("1 to 280", "--top", "281")]
    public void Bad_input_is_one_line(string expected, params string[] more)
        => Assert.That(Headtap.Refused(Line("logit", more)), Does.Contain(expected));

    [Test]
    public void What_a_lens_has_not_is_one_line()
    {
        Assert.That(Headtap.Refused(Line(s_upper, "--layer", "0")), Does.Contain("no layer 0; it has 1"));
        Assert.That(Headtap.Refused(Line(s_tuned, "--head", "0")), Does.Contain("leave --head out"));
        Assert.That(Headtap.Refused(Line(s_folder["nothing"])), Does.Contain("lens.safetensors"));
        Assert.That(Headtap.Refused("lens", "read", "--model", TinyModel.Folder, "--ids", "5"),
            Does.Contain("--lens"));
    }

    [GeneratedRegex("(?s)<script type=\"application/json\">(?<json>.*?)</script>")]
    private static partial Regex Data();
}
