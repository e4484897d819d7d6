using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

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

    // Each prompt is a pass of its own, whose only row is row 0.
    [Test]
    public void An_edit_of_rows_is_for_one_prompt()
    {
        using var folder = new TemporaryFolder();
        string edit = folder.Write("e.json",
            """{"edits":[{"site":"blocks.0.hook_mlp_out","op":"zero","rows":[1]}]}"""),
            zero = folder.Write("z.json",
            """{"edits":[{"site":"blocks.0.hook_mlp_out","op":"zero","rows":[0]}]}"""),
            two = folder.Write("two.json", "[[5,6],[5,7]]");
        string[] call = ["lens", "read", "--model", TinyModel.Folder, "--lens", "logit", "--batch", two];
        Assert.That(Headtap.Refused([.. call, "--edit", edit]),
            Does.Contain("each of 2 prompts runs by itself; leave rows out, or give one prompt"));
        Assert.That(Headtap.Done(Line("logit", "--edit", zero, "--json")).Out,
            Is.Not.EqualTo(Headtap.Done(Line("logit", "--json")).Out));
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
        JsonNode all = JsonNode.Parse(data)!;
        Assert.That(all["names"]![all["tokens"]![0]!.ToString()]!.ToString(), Does.StartWith("<"));
    }

    // The head with its rows of W_O set to zero writes nothing, so a model with such weights is the removal.
    [Test]
    public void An_effect_is_what_a_model_without_the_head_loses()
    {
        JsonNode json = Headtap.Done(Line(s_head, "--ablation", "--json")).Json;
        Assert.That((string?)json["ablation"]!["to"], Is.EqualTo("zero"));
        int token = (int)json["model"]![0]!["id"]!;
        double logP = Math.Log((double)json["model"]![0]!["p"]!);
        foreach ((int layer, int head) in (ReadOnlySpan<(int, int)>)[(0, 2), (1, 3)])
        {
            string without = WithoutHead(layer, head);
            JsonNode gone = Headtap.Done("lens", "read", "--model", without, "--ids", "5,6,7,8", "--lens",
                "logit", "--top", "280", "--json").Json;
            double after = gone["model"]!.AsArray().Single(t => (int)t!["id"]! == token)!["p"]!
                .GetValue<double>();
            JsonNode place = json["heads"]!.AsArray().Single(h
                => (int)h!["layer"]! == layer && (int)h["head"]! == head)!;
            Assert.That((double)place["effect"]!, Is.EqualTo(Math.Log(after) - logP).Within(2e-5));
        }
        double[] favours = [.. json["heads"]!.AsArray().Select(h => (double)h!["favour"]!)];
        double[] falls = [.. json["heads"]!.AsArray().Select(h => -(double)h!["effect"]!)];
        Assert.That((double)json["ablation"]!["rank_correlation"]!,
            Is.EqualTo(Correlation.Spearman(favours, falls)).Within(1e-12));
        Assert.That(json["layers"]![0]!.AsObject().ContainsKey("effect"), Is.False);
    }

    [Test]
    public void The_terminal_and_the_page_have_effects_beside_favours()
    {
        string page = s_folder["effects.html"];
        string[] call = Line(s_head, "--ablation", "--ablation-to", "mean", "--position", "1");
        JsonNode json = Headtap.Done([.. call, "--out", page, "--json"]).Json;
        JsonNode data = JsonNode.Parse(Data().Match(File.ReadAllText(page)).Groups["json"].Value)!;
        foreach (JsonNode? head in json["heads"]!.AsArray())
            Assert.That((double)data["effects"]![(int)head!["layer"]!]![(int)head["head"]!]![1]!,
                Is.EqualTo((double)head["effect"]!).Within(5.1e-5));
        Assert.That(File.ReadAllText(page), Does.Contain("their mean over the prompt")
            .And.Contain("Rank correlation"));
        string text = Headtap.Done(call).Out;
        Assert.That(text, Does.Contain("effect").And.Contain("rank correlation of favour and fall of log p"));
        JsonNode last = Headtap.Done([.. Line(s_head, "--ablation"), "--json"]).Json;
        Assert.That((string?)last["ablation"]!["to"], Is.EqualTo("zero"));
    }

    [Test]
    public void The_grid_has_a_row_a_layer_and_ends_with_the_model()
    {
        JsonNode json = Headtap.Done(Line(s_tuned, "--grid", "--json")).Json;
        JsonArray grids = json["grid"]!.AsArray();
        Assert.That(grids.Select(g => ((string?)g!["lens"])!.Split(' ')[0]),
            Is.EqualTo(new[] { "tuned", "logit" }));
        foreach (JsonNode? grid in grids)
        {
            Assert.That(grid!["rows"]!.AsArray().Select(r => (string?)r!["place"]),
                Is.EqualTo(new[] { "before 0", "before 1", "end" }));
            JsonNode end = grid["rows"]![2]!["cells"]![3]!;
            Assert.That((int)end["id"]!, Is.EqualTo((int)json["model"]![0]!["id"]!));
            Assert.That((double)end["p"]!, Is.EqualTo((double)json["model"]![0]!["p"]!).Within(1e-6));
            Assert.That(((int)end["rank"]!, (double)end["kl"]!), Is.EqualTo((1, 0.0)));
        }
        JsonNode cell = grids[0]!["rows"]![1]!["cells"]![3]!;
        Assert.That((int)cell["id"]!, Is.EqualTo((int)json["layers"]![1]!["top"]![0]!["id"]!));
        Assert.That(Headtap.Done(Line("logit", "--json")).Json.AsObject().ContainsKey("grid"), Is.False);
        Assert.That(Headtap.Done(Line("logit", "--grid")).Out, Does.Contain("before 1").And.Contain("end"));
    }

    [Test]
    public void A_second_model_stands_beside_the_first_and_what_changed_is_said()
    {
        string other = WithoutHead(1, 3), page = s_folder["two.html"];
        JsonNode json = Headtap.Done(
            Line("logit", "--other", other, "--ablation", "--out", page, "--json")).Json;
        JsonNode second = json["other"]!;
        Assert.That((string?)second["model_hash"], Is.EqualTo(ModelFolder.Hash(other)));
        JsonNode alone = Headtap.Done("lens", "read", "--model", other, "--ids", "5,6,7,8", "--lens", "logit",
            "--json").Json;
        Assert.That(second["model"]!.ToJsonString(), Is.EqualTo(alone["model"]!.ToJsonString()));
        JsonNode[] changes = [.. second["changes"]!.AsArray().Select(c => c!)];
        Assert.That(changes, Has.Length.EqualTo(8));
        Assert.That(changes.Select(c => Math.Abs((double)c["effect"]!)), Is.Ordered.Descending);
        foreach (JsonNode change in changes)
        {
            bool Same(JsonNode? h) => (int)h!["layer"]! == (int)change["layer"]!
                && (int)h["head"]! == (int)change["head"]!;
            JsonNode a = json["heads"]!.AsArray().Single(Same)!;
            JsonNode b = second["heads"]!.AsArray().Single(Same)!;
            foreach (string number in (string[])["favour", "effect"])
                Assert.That((double)change[number]!,
                    Is.EqualTo((double)b[number]! - (double)a[number]!).Within(1e-12));
        }
        // What the head wrote is gone, and removing it again changes nothing.
        JsonNode gone = second["heads"]!.AsArray().Single(h => (int)h!["layer"]! == 1
            && (int)h["head"]! == 3)!;
        Assert.That((double)gone["effect"]!, Is.Zero.Within(1e-6));
        JsonNode data = JsonNode.Parse(Data().Match(File.ReadAllText(page)).Groups["json"].Value)!;
        Assert.That((string?)data["other"]!["title"], Is.EqualTo(Path.GetFileName(other)));
        Assert.That(Headtap.Done(Line("logit", "--other", other)).Out, Does.Contain("changed"));
    }

    // A learned lens belongs to the parent; the child's manifest says so, without an option.
    [Test]
    public void A_proven_child_is_read_with_its_parents_lens()
    {
        string child = WithoutHead(0, 0);
        var options = new JsonObject();
        LensOwner.Record(options, child);
        new Manifest
        {
            Command = "test", Options = options, ModelHash = ModelFolder.Hash(TinyModel.Folder),
        }.WriteBeside(child);
        JsonNode json = Headtap.Done(Line(s_head, "--other", child, "--json")).Json;
        JsonNode alone = Headtap.Done("lens", "read", "--model", child, "--ids", "5,6,7,8", "--lens", s_head,
            "--lens-of", "parent", "--json").Json;
        string[] Words(JsonNode run)
            => [.. run["heads"]!.AsArray().Select(h => h!["top"]!.ToJsonString())];
        Assert.That(Words(json["other"]!), Is.EqualTo(Words(alone)));
        JsonNode back = Headtap.Done("lens", "read", "--model", child, "--ids", "5,6,7,8", "--lens", s_head,
            "--lens-of", "parent", "--other", TinyModel.Folder, "--json").Json;
        Assert.That(Words(back["other"]!), Is.EqualTo(Words(json)));
    }

    [Test]
    public void What_cannot_be_compared_or_removed_is_one_line()
    {
        Assert.That(Headtap.Refused(Line(s_tuned, "--ablation")), Does.Contain("leave --ablation out"));
        Assert.That(Headtap.Refused(Line(s_head, "--ablation-to", "mean")),
            Does.Contain("--ablation-to says nothing without --ablation"));
        Assert.That(Headtap.Refused(Line(s_head, "--ablation", "--ablation-to", "one")),
            Does.Contain("zero or mean"));
        string other = WithoutHead(0, 1);
        Assert.That(Headtap.Refused(Line(s_head, "--other", other)),
            Does.Contain("expected the model it was made for"));
        string tokens = WithoutHead(1, 0), vocabulary = Path.Combine(tokens, "vocab.json");
        JsonObject words = JsonNode.Parse(File.ReadAllText(vocabulary))!.AsObject();
        (words["a"], words["b"]) = ((int)words["b"]!, (int)words["a"]!);
        File.WriteAllText(vocabulary, words.ToJsonString());
        Assert.That(Headtap.Refused(Line("logit", "--other", tokens)),
            Does.Contain("has other tokens").And.Contain("can stand side by side"));
    }

    // The tiny model with one head's rows of W_O set to zero.
    static string WithoutHead(int layer, int head)
    {
        string folder = s_folder[$"without-{layer}-{head}"];
        if (Directory.Exists(folder))
            return folder;
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, TinyModel.Folder);
        Tensor writes = model.Weights.Layers[layer].ProjWeight;
        float[] values = writes.ToArray();
        int C = model.Config.Width, D = model.Config.HeadWidth;
        values.AsSpan(head * D * C, D * C).Clear();
        writes.Upload(values);
        model.Save(folder, TinyModel.Folder);
        return folder;
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
