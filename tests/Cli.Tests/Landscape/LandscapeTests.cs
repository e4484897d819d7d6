using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>landscape line and landscape plane.</summary>
public sealed class LandscapeTests
{
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        using ComputeDevice device = ComputeDevice.OpenHost();
        foreach (ulong seed in (ulong[])[6, 7])
        {
            using var other = new LanguageModel(device, TinyModel.Config);
            other.Initialize(seed, 0.2f);
            other.Save(s_folder[$"other{seed}"], TinyModel.Folder);
        }
        s_folder.Write("batch.json", "[[1, 2, 3, 4, 5, 6], [7, 8, 9], [10]]");
        s_folder.Write("short.json", "[[1], [2]]");
        s_folder.Write("text.txt", "the city of the king\n");
        s_folder.Write("empty.txt", "");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] Models(int count) => [.. new[]
        { TinyModel.Folder, s_folder["other6"], s_folder["other7"] }
        .Take(count).SelectMany(m => (string[])["--model", m])];

    static string[] Line(params string[] rest) => ["landscape", "line", .. Models(2), .. rest];

    static string[] Plane(string directions, int models, params string[] rest)
        => ["landscape", "plane", .. Models(models), "--directions", directions, "--size", "5", .. rest];

    [Test]
    public void The_ends_of_a_line_have_the_losses_of_eval_and_grad()
    {
        JsonNode json = Headtap.Done(Line("--text-file", s_folder["text.txt"], "--test-batch",
            s_folder["batch.json"], "--points", "3", "--json")).Json;
        JsonArray points = json["points"]!.AsArray();
        Assert.That(points.Select(p => (double)p!["alpha"]!), Is.EqualTo((double[])[0, 0.5, 1]));
        foreach ((int at, string model) in new[] { (0, TinyModel.Folder), (2, s_folder["other6"]) })
        {
            JsonNode own = Headtap.Done(
                "eval", "--model", model, "--text-file", s_folder["text.txt"], "--json").Json;
            Assert.That((double)points[at]!["loss"]!, Is.EqualTo((double)own["loss"]!));
            Assert.That((double)points[at]!["accuracy"]!, Is.EqualTo((double)own["accuracy"]!));
            JsonNode grad = Headtap.Done("grad", "--model", model, "--batch", s_folder["batch.json"], "--out",
                s_folder["g.safetensors"], "--json").Json;
            Assert.That((double)points[at]!["test_loss"]!, Is.EqualTo((double)grad["loss"]!).Within(1e-6));
        }
        double[] losses = [.. points.Select(p => (double)p!["loss"]!)];
        Assert.That((double)json["barrier"]!,
            Is.EqualTo(Math.Max(0, losses[1] - (losses[0] + losses[2]) / 2)).Within(1e-12));
        Assert.That((double)json["centroid"]!["loss"]!, Is.EqualTo(losses[1]), "of two, the middle");
        Assert.That(json["pairs"], Is.Null);
    }

    [Test]
    public void Three_models_have_three_lines_and_a_centroid()
    {
        JsonNode json = Headtap.Done(["landscape", "line", .. Models(3), "--batch", s_folder["batch.json"],
            "--points", "3", "--json"]).Json;
        Assert.That(json["pairs"]!.AsArray().Select(p => ((int)p!["from"]!, (int)p["to"]!)),
            Is.EqualTo(((int, int)[])[(0, 1), (0, 2), (1, 2)]));
        double mean = (double)json["centroid"]!["mean_loss"]!;
        Assert.That(mean, Is.EqualTo(((double)json["pairs"]![0]!["points"]![0]!["loss"]!
            + (double)json["pairs"]![2]!["points"]![0]!["loss"]!
            + (double)json["pairs"]![2]!["points"]![2]!["loss"]!) / 3).Within(1e-12));
        Assert.That((double)json["centroid"]!["barrier"]!,
            Is.EqualTo((double)json["centroid"]!["loss"]! - mean).Within(1e-12));
    }

    // 21 points are more rows than a terminal gets.
    [TestCase("3"), TestCase("21")]
    public void The_printed_table_goes_from_the_first_model_to_the_last(string points)
    {
        string printed = Headtap.Done(Line("--batch", s_folder["batch.json"], "--points", points)).Out;
        string[] alphas = [.. printed.Split('\n').Select(l => l.Trim().Split(' ')[0])
            .Where(word => word.Length > 0 && char.IsAsciiDigit(word[0]))];
        Assert.That((alphas[0], alphas[^1]), Is.EqualTo(("0", "1")));
        Assert.That(alphas.Select(a => double.Parse(a, System.Globalization.CultureInfo.InvariantCulture)),
            Is.Ordered.Ascending.And.Unique);
    }

    [Test]
    public void Lines_of_four_models_are_drawn_as_far_as_colours_go()
    {
        Headtap.Done(["landscape", "line", .. Models(3), "--model", TinyModel.Folder, "--batch",
            s_folder["batch.json"], "--points", "2", "--out", s_folder["four"]]);
        string chart = File.ReadAllText(s_folder["four/line.svg"]);
        Assert.That(chart.Split("<polyline").Length - 1, Is.EqualTo(4));
        Assert.That(File.ReadAllLines(s_folder["four/line.csv"]), Has.Length.EqualTo(1 + 6 * 2));
        Assert.That(chart, Does.Contain(" to other6<"));
    }

    static JsonNode Evaluated(string rule, params string[] models) => Headtap.Done(["eval",
        .. models.SelectMany(m => (string[])["--model", m]), "--ensemble", rule, "--text-file",
        s_folder["text.txt"], "--json"]).Json;

    static void RequireSame(JsonNode ensemble, JsonNode evaluated, string rule)
    {
        Assert.That((string)ensemble["rule"]!, Is.EqualTo(rule));
        Assert.That((double?)ensemble["loss"], Is.EqualTo((double?)evaluated["loss"]), "null of a vote");
        Assert.That((double)ensemble["accuracy"]!, Is.EqualTo((double)evaluated["accuracy"]!));
    }

    [TestCase("probabilities"), TestCase("logits"), TestCase("vote")]
    public void An_ensemble_beside_a_line_is_that_of_eval(string rule)
    {
        string place = s_folder[$"ensemble-{rule}"];
        string[] call = Line("--text-file", s_folder["text.txt"], "--test-batch", s_folder["batch.json"],
            "--points", "3", "--ensemble", rule, "--out", place);
        JsonNode json = Headtap.Done([.. call, "--json"]).Json;
        RequireSame(json["ensemble"]!, Evaluated(rule, TinyModel.Folder, s_folder["other6"]), rule);
        Assert.That(json["ensemble"]!["test_accuracy"]!.GetValue<double>(), Is.InRange(0, 1));
        string page = File.ReadAllText(Path.Combine(place, "report.html"));
        Assert.That(page, Does.Contain($"other6: {rule}").And.Contain("Ensembles"));
        Assert.That(File.ReadAllText(Path.Combine(place, "line.svg")).Contains(">ensemble<"),
            Is.EqualTo(rule != "vote"), "a vote has no loss to draw");
        Headtap again = Headtap.Done(call); // reads the measured values, a loss of null among them
        Assert.That(again.Out, Does.Contain(rule == "vote" ? "a vote has no loss" : $"mean of {rule}"));
        Assert.That(again.Error, Does.Contain("complete already"));
        Assert.That(Headtap.Done([.. call, "--json"]).Json.ToJsonString(), Is.EqualTo(json.ToJsonString()));
        Refused([.. call[..^4], "--out", place], "belongs to another call: ensemble");
        Assert.That(json["pairs"], Is.Null);
    }

    [Test]
    public void Each_pair_and_all_models_have_an_ensemble()
    {
        string[] models = [TinyModel.Folder, s_folder["other6"], s_folder["other7"]];
        JsonNode json = Headtap.Done(["landscape", "line", .. Models(3), "--text-file", s_folder["text.txt"],
            "--points", "2", "--ensemble", "logits", "--json"]).Json;
        RequireSame(json["ensemble"]!, Evaluated("logits", models), "logits");
        foreach ((int pair, int a, int b) in ((int, int, int)[])[(0, 0, 1), (1, 0, 2), (2, 1, 2)])
            RequireSame(json["pairs"]![pair]!["ensemble"]!, Evaluated("logits", models[a], models[b]),
                "logits");
        JsonNode plane = Headtap.Done(Plane("models", 3, "--text-file", s_folder["text.txt"], "--ensemble",
            "logits", "--out", s_folder["ensemble-plane"], "--json")).Json;
        RequireSame(plane["ensemble"]!, Evaluated("logits", models), "logits");
        Assert.That(File.ReadAllText(s_folder["ensemble-plane/report.html"]),
            Does.Contain("The ensemble of the three"));
        Assert.That(Headtap.Done(Line("--batch", s_folder["batch.json"], "--points", "2", "--json"))
            .Json["ensemble"], Is.Null);
    }

    static void Refused(string[] call, string message)
        => Assert.That(Headtap.Refused(call), Does.Contain(message));

    static Dictionary<string, byte[]> Files(string folder) => Directory.GetFiles(s_folder[folder])
        .Where(f => Path.GetFileName(f) != "run.lock")
        .ToDictionary(f => Path.GetFileName(f), File.ReadAllBytes);

    // What a kill leaves: the start record and some rows, the last one cut short.
    static void CutShort(string from, string to)
    {
        Directory.CreateDirectory(s_folder[to]);
        string[] rows = File.ReadAllLines(s_folder[$"{from}/points.jsonl"]);
        File.WriteAllText(s_folder[$"{to}/points.jsonl"], string.Join('\n', rows[..3]) + "\n" + rows[3][..9]);
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(s_folder[$"{from}/manifest.json"]))!;
        manifest.AsObject().Remove("complete");
        File.WriteAllText(s_folder[$"{to}/manifest.json"], manifest.ToJsonString());
    }

    [TestCase("line", 2), TestCase("random", 1), TestCase("models", 3), TestCase("pca", 3)]
    public void A_call_that_was_cut_short_goes_on_to_the_same_bytes(string kind, int models)
    {
        string[] Call(string name) => kind == "line"
            ? Line("--batch", s_folder["batch.json"], "--points", "6", "--out", s_folder[$"{kind}-{name}"])
            : Plane(kind, models, "--batch", s_folder["batch.json"], "--seed", "4", "--out",
                s_folder[$"{kind}-{name}"]);
        Headtap.Done(Call("whole"));
        CutShort($"{kind}-whole", $"{kind}-cut");
        Headtap.Done(Call("cut"));
        Dictionary<string, byte[]> whole = Files($"{kind}-whole"), cut = Files($"{kind}-cut");
        Assert.That(cut.Keys, Is.EquivalentTo(whole.Keys));
        foreach (string file in whole.Keys)
            Assert.That(cut[file], Is.EqualTo(whole[file]), file);
        Headtap.Done(Call("cut"));
        Assert.That(Files($"{kind}-cut")["points.jsonl"], Is.EqualTo(whole["points.jsonl"]));
        Refused([.. Call("cut"), "--context", "5"], "belongs to another call: context");
    }

    [Test]
    public void A_plane_writes_its_files_and_a_page_without_network()
    {
        JsonNode json = Headtap.Done(Plane("random", 1, "--batch", s_folder["batch.json"], "--range", "0.5",
            "--out", s_folder["plane"], "--json")).Json;
        Assert.That(json["x"]!.AsArray().Select(x => (double)x!), Is.EqualTo((double[])[-0.5, -0.25, 0, 0.25,
            0.5]));
        Assert.That(json["points"]!.AsArray(), Has.Count.EqualTo(25));
        Assert.That((double)json["points"]![12]!["loss"]!, Is.EqualTo((double)json["models"]![0]!["loss"]!),
            "the middle is the model, to the bit");
        (int[] shape, float[] values) = NpyFile.ReadFloats(s_folder["plane/loss.npy"]);
        Assert.That(shape, Is.EqualTo((int[])[5, 5]));
        Assert.That(values[7], Is.EqualTo((float)(double)json["points"]![7]!["loss"]!));
        Assert.That(CsvTable.Read(s_folder["plane/plane.csv"]).Numbers("loss")[7],
            Is.EqualTo((double)json["points"]![7]!["loss"]!));
        string page = File.ReadAllText(s_folder["plane/report.html"]);
        Assert.That(page, Does.Not.Contain("src=").And.Not.Contain("http"));
        Assert.That(File.ReadAllText(s_folder["plane/plane.svg"]), Does.StartWith("<svg"));
    }

    [Test]
    public void Bad_input_is_refused_in_a_line_and_nothing_is_written()
    {
        string batch = s_folder["batch.json"], none = s_folder["none"];
        Refused(["landscape", "line", .. Models(1), "--batch", batch, "--out", none],
            "1 model; expected two or more");
        Refused(Line("--batch", batch, "--points", "1", "--out", none), "--points is 1; expected 2");
        Refused(Line("--batch", batch, "--points", "2000000000", "--out", none), "expected 2 to 100001");
        Refused(Line("--points", "3", "--out", none), "no texts; expected --text-file or --batch");
        Refused(Line("--batch", s_folder["short.json"], "--out", none), "no text has two tokens");
        Refused(Line("--text-file", s_folder["empty.txt"], "--out", none), "there is no text in it");
        Refused(Plane("random", 2, "--batch", batch, "--out", none), "2 models; expected one");
        Refused(Plane("models", 2, "--batch", batch, "--out", none), "2 models; expected three");
        Refused(Plane("pca", 2, "--batch", batch, "--out", none), "2 models; expected the checkpoints");
        Refused(Plane("radnom", 1, "--batch", batch, "--out", none),
            "--directions is \"radnom\"; expected random, models, pca");
        Refused(Plane("random", 1, "--batch", batch, "--range", "0", "--out", none),
            "--range is 0; expected a number above 0");
        Refused(Line("--batch", batch, "--ensemble", "votes", "--out", none),
            "--ensemble is \"votes\"; expected probabilities, logits, vote");
        Refused(Plane("random", 1, "--batch", batch, "--ensemble", "vote", "--out", none),
            "--ensemble says nothing with --directions random; expected models");
        foreach (string size in (string[])["1", "65536"])
        {
            string[] call = Plane("random", 1, "--batch", batch, "--out", none);
            call[Array.IndexOf(call, "--size") + 1] = size;
            Refused(call, $"--size is {size}; expected 2 to 1001");
        }
        Assert.That(Directory.Exists(none), Is.False);
    }
}
