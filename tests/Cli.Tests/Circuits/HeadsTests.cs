using System.Text.Json.Nodes;
using HeadTap.Circuits;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>heads.</summary>
public sealed class HeadsTests
{
    const string Scores = "self_attention_score prev_token_score pattern_entropy qk_distance "
        + "qk_distance_variance induction_score prefix_matching_score duplicate_token_score "
        + "begin_of_text_score previous_token_share duplicate_token_share induction_share result_norm";

    static TemporaryFolder s_folder = null!;
    static string s_text = "";

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        s_text = s_folder.Write("text.txt", "the capital of the country is the city<|endoftext|>"
            + string.Concat(Enumerable.Repeat("a city of the north is a capital ", 12)));
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] Line(params string[] more) => ["heads", "--model", TinyModel.Folder, .. more];

    static JsonArray Heads(params string[] more) => Headtap.Done(Line([.. more, "--json"])).Json.AsArray();

    static IEnumerable<string> Names(JsonNode node) => node.AsObject().Select(p => p.Key);

    [Test]
    public void Json_is_one_object_a_head()
    {
        JsonArray heads = Heads("--text-file", s_text, "--lens", "logit");
        Assert.That(heads.Select(h => ((int)h!["layer"]!, (int)h["head"]!)), Is.EqualTo(
            Enumerable.Range(0, 8).Select(i => (i / 4, i % 4))));
        Assert.That(string.Join(' ', Names(heads[0]!)), Is.EqualTo($"layer head {Scores} ablation_effect "
            + "ablation_low ablation_high words composition examples"));
        Assert.That(string.Join(' ', Names(heads[0]!["examples"]![0]!)),
            Is.EqualTo("window position norm before keys words"));
        Assert.That(heads[0]!["composition"]!.AsArray(), Is.Empty);
        Assert.That(heads[7]!["composition"]!.AsArray().Select(c => (string)c!["kind"]!),
            Is.EqualTo((string[])["q", "q", "q", "k", "k", "k", "v", "v", "v"]));
        JsonNode plain = Heads("--text-file", s_text, "--ablation-windows", "0", "--examples", "0")[0]!;
        Assert.That(string.Join(' ', Names(plain)), Is.EqualTo($"layer head {Scores} composition examples"));
    }

    // Every window of a document begins with the begin-of-text token, and a document is cut to the end.
    [TestCase(true, 9), TestCase(false, 7), TestCase(false, 0)]
    public void Scores_and_effects_are_those_of_the_windows_of_the_text(bool bos, int context)
    {
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(TinyModel.Folder);
        int step = (context == 0 ? 24 : context) - (bos ? 1 : 0);
        int[] start = bos ? [279] : [];
        int[][] windows = [.. TextDocuments.Read(s_text).SelectMany(d => tokenizer.Encode(d).Chunk(step))
            .Select(chunk => (int[])[.. start, .. chunk]).Where(w => w.Length > 1)];
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, TinyModel.Folder);
        HeadSurvey survey = HeadSurvey.Run(model, windows, new() { Pass = new(24) });
        using var ablation = new HeadAblation(model, survey.MeanZ, 24);
        IReadOnlyList<HeadEffect> effects = ablation.Run(windows, 0);
        JsonArray found = Heads([.. bos ? (string[])["--bos"] : [], "--text-file", s_text, "--context",
            $"{context}", "--ablation-windows", "1000"]);
        foreach ((HeadScores s, JsonNode? h) in survey.Scores.Zip(found))
        {
            Assert.That((double)h!["induction_score"]!, Is.EqualTo(s.InductionScore));
            Assert.That((double)h["qk_distance"]!, Is.EqualTo(s.QkDistance));
            Assert.That((double)h["result_norm"]!, Is.EqualTo(s.ResultNorm));
            HeadEffect effect = effects[s.Layer * 4 + s.Head];
            Assert.That((double)h["ablation_effect"]!, Is.EqualTo(effect.Effect));
            Assert.That((double)h["ablation_high"]!, Is.EqualTo(effect.Interval.High));
        }
    }

    [Test]
    public void A_row_of_a_batch_is_one_window()
    {
        string batch = s_folder.Write("rows.json", "[[1, 2, 1, 2], [3, 3, 3, 4, 5, 6, 7]]");
        JsonArray found = Heads("--batch", batch);
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, TinyModel.Folder);
        HeadSurvey survey = HeadSurvey.Run(
            model, [[1, 2, 1, 2], [3, 3, 3, 4, 5, 6, 7]], new() { Pass = new(9) });
        Assert.That(found.Select(h => (double)h!["duplicate_token_score"]!),
            Is.EqualTo(survey.Scores.Select(s => s.DuplicateTokenScore)));
    }

    [Test]
    public void Random_tokens_depend_on_the_seed_alone()
    {
        string[] line = Line("--random-tokens", "11", "--sequences", "3", "--bos", "--json");
        string one = Headtap.Done([.. line, "--threads", "1"]).Out;
        Assert.That(Headtap.Done([.. line, "--threads", "2"]).Out, Is.EqualTo(one));
        Assert.That(Headtap.Done([.. line, "--seed", "1"]).Out, Is.Not.EqualTo(one));
        JsonNode head = JsonNode.Parse(one)![0]!;
        Assert.That((double)head["prefix_matching_score"]!, Is.GreaterThan(0));
        Assert.That(head["examples"]!.AsArray().Count, Is.EqualTo(3));
    }

    [TestCase(LensKind.Head), TestCase(LensKind.Logit)]
    public void Words_are_those_of_lens_read_at_the_examples(LensKind kind)
    {
        string lens = kind == LensKind.Logit ? "logit"
            : TinyLenses.Write(s_folder, $"{kind}", new() { Kind = kind }, [1]);
        string rows = s_folder.Write("words.json", "[[5, 9, 5, 2, 7], [11, 3, 8], [20, 21, 22, 20]]");
        int[][] windows = [[5, 9, 5, 2, 7], [11, 3, 8], [20, 21, 22, 20]];
        JsonArray heads = Heads("--batch", rows, "--lens", lens, "--top", "3", "--examples", "2",
            "--ablation-windows", "0");
        Assert.That(heads[0]!.AsObject().ContainsKey("words"), Is.EqualTo(kind == LensKind.Logit));
        foreach (JsonNode? head in heads.Skip(4))
            foreach (JsonNode? example in head!["examples"]!.AsArray())
            {
                int[] prompt = windows[(int)example!["window"]!][..((int)example["position"]! + 1)];
                JsonNode read = Headtap.Done("lens", "read", "--model", TinyModel.Folder, "--lens", lens,
                    "--ids", string.Join(',', prompt), "--layer", "1", "--head", $"{head["head"]}", "--top",
                    "3", "--json").Json["heads"]![0]!;
                Assert.That(example["words"]!.ToJsonString(), Is.EqualTo(read["top"]!.ToJsonString()));
            }
        JsonNode one = heads[6]!;
        foreach (JsonNode? word in one["words"]!.AsArray())
            Assert.That((int)word!["examples"]!, Is.EqualTo(one["examples"]!.AsArray().Count(
                e => e!["words"]!.AsArray().Any(w => (int)w!["id"]! == (int)word["id"]!))));
    }

    [Test]
    public void The_table_is_sorted_and_the_files_have_every_head()
    {
        string page = s_folder["heads.html"], csv = s_folder["heads.csv"], npy = s_folder["heads.npy"];
        Headtap run = Headtap.Done(Line("--text-file", s_text, "--bos", "--sort", "previous", "--out", page,
            "--csv", csv, "--composition", npy));
        string[] rows = [.. run.Out.Split('\n').Where(l => l.StartsWith("  0.", StringComparison.Ordinal)
            || l.StartsWith("  1.", StringComparison.Ordinal))];
        Assert.That(rows, Has.Length.EqualTo(8));
        Assert.That(rows.Select(r => double.Parse(r.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1])),
            Is.Ordered.Descending);
        Assert.That(run.Out, Does.Contain("text.txt: ").And.Contain("V composition"));
        Assert.That(File.ReadAllText(page),
            Does.Contain("Which heads read which").And.Contain("\"l\":1,\"h\":3"));
        string[] lines = File.ReadAllLines(csv);
        Assert.That(lines, Has.Length.EqualTo(9));
        Assert.That(lines[0], Does.StartWith("layer,head,prev_token_score,").And.EndsWith("ablation_high"));
        JsonArray heads = Heads("--text-file", s_text, "--bos");
        Assert.That(lines.Skip(1).Select(l => double.Parse(l.Split(',')[2])),
            Is.EqualTo(heads.Select(h => (double)h!["prev_token_score"]!)));
        (int[] shape, float[] scores) = NpyFile.ReadFloats(npy);
        Assert.That(shape, Is.EqualTo((int[])[3, 8, 8]));
        Assert.That(scores.Count(s => s > 0), Is.EqualTo(3 * 16));
        foreach (JsonNode? c in heads[5]!["composition"]!.AsArray())
            Assert.That((double)c!["score"]!, Is.EqualTo((double)scores[
                ("qkv".IndexOf((string)c["kind"]!) * 8 + (int)c["head"]!) * 8 + 5]));
        foreach (string file in (string[])[page, csv, npy])
            Assert.That((string)JsonNode.Parse(File.ReadAllText(file + ".manifest.json"))!["command"]!,
                Is.EqualTo("heads"));
    }

    [Test]
    public void A_second_model_looks_at_the_same_windows_and_what_changed_comes_first()
    {
        string other = s_folder["second"];
        using (ComputeDevice device = ComputeDevice.OpenHost())
        {
            using var model = new LanguageModel(device, TinyModel.Config);
            model.Initialize(6);
            model.Save(other, TinyModel.Folder);
        }
        string page = s_folder["changes.html"], csv = s_folder["changes.csv"];
        string[] text = ["--text-file", s_text, "--lens", "logit"];
        JsonArray both = Headtap.Done(Line([.. text, "--other", other, "--out", page, "--csv", csv,
            "--json"])).Json.AsArray();
        JsonArray first = Heads(text);
        JsonArray second = Headtap.Done(["heads", "--model", other, .. text, "--json"]).Json.AsArray();
        for (int i = 0; i < 8; i++)
        {
            foreach (string name in Scores.Split(' ').Append("ablation_effect"))
            {
                Assert.That((double)both[i]![name]!, Is.EqualTo((double)first[i]![name]!), name);
                Assert.That((double)both[i]!["other"]![name]!, Is.EqualTo((double)second[i]![name]!), name);
            }
            Assert.That(both[i]!["other"]!["words"]!.ToJsonString(),
                Is.EqualTo(second[i]!["words"]!.ToJsonString()));
            JsonNode most = both[i]!["changed_most"]!;
            double[] changes = [.. Scores.Split(' ').Where(s => s.EndsWith("score", StringComparison.Ordinal)
                || s.EndsWith("share", StringComparison.Ordinal))
                .Select(s => (double)second[i]![s]! - (double)first[i]![s]!)];
            Assert.That((double)most["value"]!, Is.EqualTo(changes.MaxBy(Math.Abs)).Within(1e-12));
            Assert.That((double)most["value"]!, Is.EqualTo((double)second[i]![(string)most["score"]!]!
                - (double)first[i]![(string)most["score"]!]!).Within(1e-12));
        }
        double Change(string head)
        {
            int at = int.Parse(head[..1]) * 4 + int.Parse(head[2..]);
            return (double)second[at]!["ablation_effect"]! - (double)first[at]!["ablation_effect"]!;
        }
        string[] Order(params string[] more) => [.. Headtap.Done(Line(
            ["--text-file", s_text, "--other", other, .. more])).Out.Split('\n').Select(l => l.Trim())
            .Where(l => l.Length > 3 && l[1] == '.' && char.IsDigit(l[0])).Select(l => l.Split(' ')[0])];
        string[] sorted = Order();
        Assert.That(sorted, Has.Length.EqualTo(8));
        Assert.That(sorted.Select(h => Math.Abs(Change(h))), Is.Ordered.Descending);
        Assert.That(Order("--sort", "entropy"), Is.Not.EqualTo(sorted));
        Assert.That(File.ReadAllText(page), Does.Contain("What changed").And.Contain("change of ablation"));
        string[] lines = File.ReadAllLines(csv);
        Assert.That(lines[0], Does.EndWith("other_ablation_low,other_ablation_high"));
        Assert.That(lines.Select(l => l.Count(c => c == ',')).Distinct().Count(), Is.EqualTo(1));
    }

    [Test]
    public void Where_nothing_changed_no_score_is_named()
    {
        string[] same = Line("--text-file", s_text, "--other", TinyModel.Folder);
        foreach (JsonNode? head in Headtap.Done([.. same, "--json"]).Json.AsArray())
        {
            Assert.That(head!["other"], Is.Not.Null);
            Assert.That(head["changed_most"], Is.Null);
        }
        Assert.That(Headtap.Done(same).Out.Split("nothing"), Has.Length.EqualTo(1 + 8));
    }

    [Test]
    public void The_folder_of_HeadVis_has_what_its_viewer_reads()
    {
        string folder = s_folder["headvis"];
        JsonArray heads = Heads("--text-file", s_text, "--context", "12", "--headvis", folder);
        JsonNode Read(params string[] names) => JsonNode.Parse(
            File.ReadAllText(Path.Combine([folder, .. names])))!;
        JsonNode config = Read("config.json");
        Assert.That(config["heads"]!.AsArray(), Has.Count.EqualTo(8));
        Assert.That((string)config["head_data_pattern"]!, Is.EqualTo("L{layer}H{head}.json"));
        foreach (string name in (string[])["model_name", "dataset_name", "n_sequences", "seq_len", "dtype",
            "attn_implementation", "model_hash"])
            Assert.That(config["pipeline_config"]![name], Is.Not.Null, name);
        Assert.That(Read("server_config.json").AsObject(), Is.Empty);
        Assert.That(Read("attributions", "manifest.json").AsObject(), Is.Empty);
        JsonArray scatter = Read("scatter_data.json").AsArray();
        foreach ((JsonNode? row, JsonNode? head) in scatter.Zip(heads))
            foreach (JsonNode? metric in config["metrics"]!.AsArray())
                Assert.That((double)row![(string)metric!]!,
                    Is.EqualTo((double)head![(string)metric!]!).Within(0.5001e-4));
        JsonNode file = Read("heads", "L1H2.json");
        Assert.That(string.Join(' ', Names(file)), Is.EqualTo("sequences qk_distance_histogram "
            + "top_query_tokens top_key_tokens histogram statistics"));
        double kept = 0;
        foreach (JsonNode? s in file["sequences"]!.AsArray())
        {
            Assert.That(string.Join(' ', Names(s!)), Is.EqualTo("sequence_id interval tokens "
                + "attention_indices attention_values seq_len max_activation"));
            int T = (int)s!["seq_len"]!;
            Assert.That(s["tokens"]!.AsArray(), Has.Count.EqualTo(T));
            double[] values = [.. s["attention_values"]!.AsArray().Select(v => (double)v!)];
            int[] indices = [.. s["attention_indices"]!.AsArray().Select(v => (int)v!)];
            Assert.That(indices, Is.Ordered.And.Unique);
            Assert.That(values.Zip(indices).Where(p => p.Second / T > 0 && p.Second % T > 0)
                .Max(p => p.First), Is.EqualTo((double)s["max_activation"]!));
            kept += values.Sum();
        }
        // Values and sums are rounded to four digits.
        int count = file["sequences"]!.AsArray().Sum(s => s!["attention_values"]!.AsArray().Count);
        Assert.That(file["qk_distance_histogram"]!["bin_values"]!.AsArray().Sum(v => (double)v!),
            Is.EqualTo(kept).Within((count + 13) * 0.5e-4));
        Assert.That(file["histogram"]!["bin_edges"]!.AsArray(), Has.Count.EqualTo(51));
        Assert.That(file["top_key_tokens"]!.AsArray().Select(t => (double)t!["weight"]!),
            Is.Ordered.Descending);
    }

    [Test]
    public void A_text_without_a_token_that_comes_twice_has_no_induction_score()
    {
        Headtap run = Headtap.Done(Line("--batch", s_folder.Write("once.json", "[[1, 2, 3]]"), "--json"));
        Assert.That(run.Error, Does.Contain("no token comes twice in a window"));
        Assert.That(run.Json[0]!["induction_score"], Is.Null);
        Assert.That(run.Json[0]!["ablation_low"], Is.Null);
        Assert.That((double)run.Json[0]!["prev_token_score"]!, Is.GreaterThan(0));
        Assert.That(Headtap.Done(Line("--batch", s_folder["once.json"])).Out, Does.Not.Contain("induction"));
    }

    [Test]
    public void More_examples_than_windows_are_those_that_there_are()
        => Assert.That(Heads("--random-tokens", "3", "--sequences", "2", "--ablation-windows", "0",
            "--examples", "2000000000"), Has.Count.EqualTo(8));

    static IEnumerable<TestCaseData> Wrong()
    {
        TestCaseData Case(string said, string more) => new(said,
            more.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        yield return Case("no text; expected --text-file, --batch or --random-tokens", "");
        yield return Case("no text has two tokens", "--text-file FOLDER/short.txt");
        yield return Case("--random-tokens and a text", "--text-file FOLDER/text.txt --random-tokens 3");
        yield return Case("expected 1 to 12, so that they fit the context of 24", "--random-tokens 13");
        yield return Case("expected 1 to 11, so that they fit", "--random-tokens 12 --bos");
        yield return Case("0 random tokens", "--random-tokens 0");
        yield return Case("--sequences says nothing without --random-tokens",
            "--text-file FOLDER/text.txt --sequences 3");
        yield return Case("--context says nothing with --random-tokens", "--random-tokens 3 --context 9");
        yield return Case("--context is 25; expected 2 to 24", "--text-file FOLDER/text.txt --context 25");
        yield return Case("--context is 1; expected 2 to 24", "--text-file FOLDER/text.txt --context 1");
        yield return Case("--ablation-windows is -1", "--random-tokens 3 --ablation-windows -1");
        yield return Case("--examples is 0; expected at least 1",
            "--random-tokens 3 --examples 0 --lens logit");
        yield return Case("--top is 281", "--random-tokens 3 --top 281");
        yield return Case("--sort is \"beauty\"; expected previous, induction",
            "--random-tokens 3 --sort beauty");
        yield return Case("--ablation-windows 0 ablates no head",
            "--random-tokens 3 --sort ablation --ablation-windows 0");
        yield return Case("the lens was made for a model with hash 000000000000",
            "--random-tokens 3 --lens FOLDER/other");
        yield return Case("a tuned lens reads the residual stream, not heads",
            "--random-tokens 3 --lens FOLDER/tuned");
        yield return Case("--lens-of says nothing without --lens", "--random-tokens 3 --lens-of parent");
        yield return Case("exists; expected the name of a new folder", "--random-tokens 3 --headvis FOLDER");
        yield return Case("beyond.json: row 0 has token id 280; the model's vocabulary is 0 to 279",
            "--batch FOLDER/beyond.json");
        yield return Case("long.json: row 1 has 25 tokens", "--batch FOLDER/long.json");
        yield return Case("2000000000 sequences of 7 tokens; expected at most 9586980",
            "--random-tokens 3 --sequences 2000000000 --bos");
        yield return Case("expected a name that ends in .npy",
            "--random-tokens 3 --composition FOLDER/c.npz");
        yield return Case("inside the folder of --headvis",
            "--random-tokens 3 --headvis FOLDER/vis --out FOLDER/vis/page.html");
        yield return Case("inside the folder of --headvis",
            "--random-tokens 3 --headvis FOLDER/vis --composition FOLDER/vis/data/c.npy");
        yield return Case("5 heads", "--random-tokens 3 --other FOLDER/wide");
        yield return Case("--lines", "--random-tokens 3 --lines");
    }

    [TestCaseSource(nameof(Wrong))]
    public void What_is_wrong_is_said_in_one_line(string said, string[] more)
    {
        using var folder = new TemporaryFolder();
        folder.Write("short.txt", "a");
        folder.Write("text.txt", "the capital of the country");
        folder.Write("beyond.json", "[[1, 280]]");
        folder.Write("long.json", $"[[1, 2], [{string.Join(',', Enumerable.Range(1, 25))}]]");
        if (more.Contains("FOLDER/wide"))
        {
            using ComputeDevice device = ComputeDevice.OpenHost();
            using var wide = new LanguageModel(device, TinyModel.Config with { Heads = 5 });
            wide.Save(folder["wide"], TinyModel.Folder);
        }
        if (more.Contains("FOLDER/tuned"))
            TinyLenses.Write(folder, "tuned", new() { Kind = LensKind.Tuned }, [0, 1]);
        if (more.Contains("FOLDER/other"))
            TinyLenses.Write(folder, "other", new() { Kind = LensKind.Head }, [0, 1], new string('0', 64));
        string[] before = folder.Entries();
        Assert.That(Headtap.Refused(Line([.. more.Select(m => m.Replace("FOLDER", folder.Path))])),
            Does.Contain(said));
        Assert.That(folder.Entries(), Is.EqualTo(before));
    }
}
