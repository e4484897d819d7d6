using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>landscape vectors, curvature, curve and instability.</summary>
public sealed class LandscapeMeasureTests
{
    const string Train = """
        {
          "model": { "layers": 1, "width": 8, "heads": 2, "context": 8 },
          "data": { "files": ["FILE"] },
          "tokenizer": { "train_bpe": { "vocab_size": 262, "minimum_count": 1 } },
          "rows": "packed", "tokens_per_row": 8, "batch_rows": 2, "steps": 6, "seed": 1
        }
        """;

    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        using ComputeDevice device = ComputeDevice.OpenHost();
        foreach (ulong seed in (ulong[])[6, 7])
        {
            using var other = new LanguageModel(device, TinyModel.Config);
            other.Initialize(seed);
            other.Save(s_folder[$"m{seed}"], TinyModel.Folder);
        }
        using var heads = new LanguageModel(device, TinyModel.Config with { Heads = 5 });
        heads.Initialize(1);
        heads.Save(s_folder["heads"], TinyModel.Folder);
        s_folder.Write("text.txt", "the capital of the country is the city of the north");
        s_folder.Write("batch.json", "[[1, 2, 3, 4, 5, 6], [9, 8, 7]]");
        s_folder.Write("empty.json", "[[1], [2]]");
        s_folder.Write("empty.txt", "");
        string text = s_folder.Write("train.txt",
            string.Concat(Enumerable.Repeat("the capital of the city is a city ", 20)));
        s_folder.Write("train.json", Train.Replace("FILE", text, StringComparison.Ordinal));
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static string[] Two => ["--model", s_folder["m6"], "--model", s_folder["m7"]];

    static double LossOf(string folder) => (double)Headtap.Done(
        "eval", "--model", folder, "--text-file", s_folder["text.txt"], "--json").Json["loss"]!;

    [Test]
    public void A_token_before_the_text_is_predicted_from_too()
    {
        string text = s_folder.Write("short.txt", "the city");
        int Tokens(params string[] more) => (int)Headtap.Done(["landscape", "curvature", "--model",
            TinyModel.Folder, "--text-file", text, "--top", "1", "--steps", "2", "--probes", "1", "--json",
            .. more]).Json["tokens"]!;
        Assert.That(Tokens("--bos"), Is.EqualTo(Tokens() + 1));
    }

    [Test]
    public void Vectors_give_the_matrix_and_the_losses_that_eval_gives()
    {
        JsonNode json = Headtap.Done(["landscape", "vectors", "--base", TinyModel.Folder, .. Two, "--model",
            TinyModel.Folder, "--text-file", s_folder["text.txt"], "--lambda", "1", "--lambda", "0.5",
            "--analogy", "A,C,B", "--out", s_folder["vectors"], "--json"]).Json;
        JsonNode all = json["all"]!;
        Assert.That((double)all["norms"]![0]!, Is.GreaterThan(0));
        Assert.That((double)all["norms"]![2]!, Is.Zero);
        Assert.That((double)all["cosines"]![0]![0]!, Is.EqualTo(1));
        Assert.That((double)all["cosines"]![0]![1]!, Is.EqualTo((double)all["cosines"]![1]![0]!));
        Assert.That(all["cosines"]![2]![2], Is.Null, "of a vector that is 0");
        Assert.That((double)all["sign_conflicts"]!, Is.InRange(0.2, 0.5)); // random vectors with one base
        JsonArray points = json["points"]!.AsArray();
        double Loss(string sum, double lambda) => (double)points.Single(p =>
            (string?)p!["sum"] == sum && (double)p["lambda"]! == lambda)!["loss"]!;
        Assert.That(Loss("0", 0), Is.EqualTo(LossOf(TinyModel.Folder)));
        Assert.That(Loss("A", 1), Is.EqualTo(LossOf(s_folder["m6"])));
        Assert.That(Loss("B", 1), Is.EqualTo(LossOf(s_folder["m7"])));
        Headtap.Done(["merge", "run", "--method", "task_arithmetic", "--base", TinyModel.Folder, .. Two,
            "--lambda", "0.5", "--out", s_folder["half"]]);
        Assert.That(Loss("A + B + C", 0.5), Is.EqualTo(LossOf(s_folder["half"])).Within(1e-6));
        Assert.That(points.Select(p => (string?)p!["sum"]).Distinct(),
            Is.EqualTo((string[])["0", "A", "B", "C", "A + B + C", "-A", "-B", "-C", "A + C - B"]));
        Assert.That(Directory.EnumerateFiles(s_folder["vectors"]).Select(Path.GetFileName).Order(),
            Is.EqualTo((string[])["cosines.npy", "cosines.svg", "manifest.json", "points.csv",
                "points.jsonl", "report.html", "tensors.csv", "tensors.jsonl"]));
        float[] cosines = RequireNpy("vectors/cosines.npy", json["tensors"]!.AsArray().Count + 1, 3, 3);
        Assert.That(cosines[^8], Is.EqualTo((float)(double)all["cosines"]![0]![1]!), "all come last");
        Assert.That(cosines[1], Is.EqualTo((float)(double)json["tensors"]![0]!["cosines"]![0]![1]!));
        Assert.That(cosines[^1], Is.NaN);
        Headtap plain = Headtap.Done(["landscape", "vectors", "--base", TinyModel.Folder, .. Two]);
        Assert.That(plain.Out, Does.Contain("cosine with B").And.Contain("sign conflicts"));
    }

    static float[] RequireNpy(string file, params int[] shape)
    {
        (int[] found, float[] values) = NpyFile.ReadFloats(s_folder[file]);
        Assert.That(found, Is.EqualTo(shape), file);
        return values;
    }

    static float[] Numbers(JsonNode row, string fields)
        => [.. fields.Split(' ').Select(f => (float)(double)row[f]!)];

    [Test]
    public void A_task_vector_of_zero_is_said()
        => Assert.That(Headtap.Done("landscape", "vectors", "--base", TinyModel.Folder, "--model",
            TinyModel.Folder).Error, Does.Contain("its task vector is 0 and has no direction"));

    [Test]
    public void Curvature_is_the_same_in_one_call_and_in_two()
    {
        string[] call = ["landscape", "curvature", "--model", TinyModel.Folder, "--batch",
            s_folder["batch.json"], "--steps", "6", "--top", "2", "--seed", "3", "--json"];
        JsonNode json = Headtap.Done([.. call, "--probes", "3"]).Json;
        Assert.That(json["eigenvalues"]!.AsArray(), Has.Count.EqualTo(2));
        Assert.That((double)json["eigenvalues"]![0]!["value"]!,
            Is.GreaterThan((double)json["eigenvalues"]![1]!["value"]!));
        foreach (string field in (string[])["loss", "trace", "trace_standard_error", "smallest", "asymmetry"])
            Assert.That(json[field]!.GetValue<double>(), Is.Not.NaN, field);
        Assert.That((long)json["tokens"]!, Is.EqualTo(7));
        string[] kept = [.. call, "--probes", "3", "--out", s_folder["curvature"]];
        Assert.That(Headtap.Done(kept).Json.ToJsonString(), Is.EqualTo(json.ToJsonString()));
        string rows = s_folder["curvature/probes.jsonl"];
        string[] lines = File.ReadAllLines(rows);
        File.WriteAllText(rows, lines[0] + "\n" + lines[1][..20]); // as a kill leaves it
        Assert.That(Headtap.Done(kept).Json.ToJsonString(), Is.EqualTo(json.ToJsonString()));
        Assert.That(File.ReadAllLines(rows), Is.EqualTo(lines));
        Assert.That(File.ReadAllText(s_folder["curvature/report.html"]), Does.Contain("Spectral density"));
        Assert.That(RequireNpy("curvature/eigenvalues.npy", 2, 4)[4..],
            Is.EqualTo(Numbers(json["eigenvalues"]![1]!, "value error residual difference_error")));
        Assert.That(RequireNpy("curvature/density.npy", 401, 2)[^2..],
            Is.EqualTo(Numbers(json["density"]![400]!, "eigenvalue density")));
        Assert.That(Headtap.Refused([.. call, "--probes", "2", "--out", s_folder["curvature"], "--device",
            "cpu"]), Does.Contain("probes is 3"));
    }

    [Test]
    public void A_curve_goes_on_where_it_was_stopped_and_its_bend_is_a_model()
    {
        string[] Call(string name) => ["landscape", "curve", .. Two, "--text-file", s_folder["text.txt"],
            "--steps", "5", "--lr", "0.01", "--points", "5", "--out", s_folder[name], "--json"];
        JsonNode json = Headtap.Done(Call("curve")).Json;
        JsonArray points = json["points"]!.AsArray();
        Assert.That(points.Select(p => (double)p!["t"]!), Is.EqualTo((double[])[0, 0.25, 0.5, 0.75, 1]));
        Assert.That((double)points[0]!["loss"]!, Is.EqualTo(LossOf(s_folder["m6"])));
        Assert.That((double)points[4]!["loss"]!, Is.EqualTo(LossOf(s_folder["m7"])));
        Assert.That(RequireNpy("curve/points.npy", 5, 5)[5..10],
            Is.EqualTo(Numbers(points[1]!, "t loss accuracy line_loss line_accuracy")));
        double[] losses = [.. points.Select(p => (double)p!["loss"]!)];
        Assert.That((double)json["max_loss"]!, Is.EqualTo(losses.Max()));
        Assert.That((double)json["barrier"]!, Is.EqualTo(losses.Select((l, i) =>
            l - ((4 - i) * losses[0] + i * losses[4]) / 4).Max()).Within(1e-12));
        Headtap.Done(
            "generate", "--model", s_folder["curve/bend-1"], "--text", "the", "--max-new-tokens", "1");
        Headtap stopped = Headtap.RunUntil(new CancellationToken(canceled: true),
            [.. Call("stopped"), "--device", "cpu"]);
        Assert.That(stopped.Code, Is.EqualTo(130), stopped.Error);
        Assert.That(Headtap.Done(Call("stopped")).Json["points"]!.ToJsonString(),
            Is.EqualTo(points.ToJsonString()));
        Assert.That(Headtap.Done(Call("curve")).Json["points"]!.ToJsonString(),
            Is.EqualTo(points.ToJsonString()), "complete already");
        Assert.That(ModelFolder.Hash(s_folder["stopped/bend-1"]),
            Is.EqualTo(ModelFolder.Hash(s_folder["curve/bend-1"])));
        Assert.That(Headtap.Refused([.. Call("curve"), "--bends", "2", "--device", "cpu"]),
            Does.Contain("bends is 1"));
    }

    [Test]
    public void Instability_is_that_of_the_line_between_the_children()
    {
        string[] Call(string name) => ["landscape", "instability", "--config", s_folder["train.json"], "--at",
            "6", "--at", "0", "--points", "3", "--out", s_folder[name], "--json"];
        JsonNode json = Headtap.Done(Call("children")).Json;
        JsonArray rows = json["children"]!.AsArray();
        Assert.That(rows.Select(r => (int)r!["step"]!), Is.EqualTo((int[])[0, 6]));
        Assert.That((double)rows[1]!["error_instability"]!, Is.Zero, "children that part at the end are one");
        JsonArray line = rows[0]!["points"]!.AsArray();
        double[] losses = [.. line.Select(p => (double)p!["loss"]!)];
        Assert.That((double)rows[0]!["loss_instability"]!,
            Is.EqualTo(losses.Max() - (losses[0] + losses[2]) / 2).Within(1e-12));
        Assert.That(losses[0], Is.Not.EqualTo(losses[2]), "children see other orders");
        Assert.That(Directory.GetFiles(s_folder["children"], "*.state.safetensors"), Is.Empty);
        Assert.That(RequireNpy("children/lines.npy", 2, 3, 3)[3..6],
            Is.EqualTo(Numbers(line[1]!, "alpha loss accuracy")));
        Headtap.Done("merge", "run", "--method", "linear", "--model", s_folder["children/step-0-a"],
            "--model", s_folder["children/step-0-b"], "--out", s_folder["middle"]);
        using (ComputeDevice device = ComputeDevice.OpenHost())
        using (LanguageModel middle = LanguageModel.Load(device, s_folder["middle"]))
        {
            TrainingTexts texts = TrainingTexts.Load(TrainingConfig.Read(s_folder["train.json"]));
            int[] tokens = texts.Train.Tokens.ToArray();
            Assert.That((double)line[1]!["loss"]!,
                Is.EqualTo(TextEvaluation.Run(middle, [tokens], 8, 8).Loss).Within(1e-6));
        }
        Headtap stopped = Headtap.RunUntil(new CancellationToken(canceled: true),
            [.. Call("stopped-children"), "--device", "cpu"]);
        Assert.That(stopped.Code, Is.EqualTo(130), stopped.Error);
        Assert.That(Headtap.Refused([.. Call("stopped-children"), "--seed", "2", "--device", "cpu"]),
            Does.Contain("seed is 1"), "the parent's state belongs to the call");
        Assert.That(Headtap.Done(Call("stopped-children")).Json["children"]!.ToJsonString(),
            Is.EqualTo(rows.ToJsonString()));
        Assert.That(Headtap.Done([.. Call("children"), "--threshold", "0.9"]).Json["stable_from"]!
            .GetValue<int>(), Is.Zero);
    }

    [TestCase(false), TestCase(true)]
    public void Rows_of_documents_are_measured_document_by_document(bool bos)
    {
        string file = s_folder.Write($"documents-{bos}.jsonl",
            """{"text":"the city"}""" + "\n" + """{"text":"a capital"}""" + "\n");
        string config = s_folder.Write($"documents-{bos}.json",
            Train.Replace("FILE", file, StringComparison.Ordinal).Replace("\"rows\": \"packed\"",
                $"\"texts\": {{\"bos\": {(bos ? "true" : "false")}}}, \"rows\": \"per-document\"",
                StringComparison.Ordinal)
                .Replace("\"context\": 8", "\"context\": 16", StringComparison.Ordinal)
                .Replace("\"tokens_per_row\": 8", "\"tokens_per_row\": 16", StringComparison.Ordinal));
        string place = s_folder[$"documents-{bos}"];
        JsonNode json = Headtap.Done("landscape", "instability", "--config", config, "--at", "3",
            "--points", "2", "--out", place, "--json").Json;
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel child = LanguageModel.Load(device, Path.Combine(place, "step-3-a"));
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(Path.Combine(place, "step-3-a"));
        int end = tokenizer.EndOfText!.Value;
        int[][] rows = [.. new[] { "the city", "a capital" }.Select(text => (int[])[
            .. bos ? (int[])[end] : [], .. tokenizer.Encode(text), end])];
        Assert.That((double)json["children"]![0]!["points"]![0]!["loss"]!,
            Is.EqualTo(TextEvaluation.Run(child, rows, 16, 16).Loss).Within(1e-12));
    }

    [Test]
    public void The_train_json_of_a_run_is_its_config()
    {
        Headtap.Done("train", "--config", s_folder["train.json"], "--seed", "9", "--out", s_folder["run"]);
        Headtap.Done("landscape", "instability", "--config", s_folder["run/train.json"], "--at", "6",
            "--points", "2", "--out", s_folder["of-run"]);
        Assert.That(File.ReadAllBytes(s_folder["of-run/step-6-a/model.safetensors"]),
            Is.EqualTo(File.ReadAllBytes(s_folder["run/model.safetensors"])),
            "children that part at the end have the run's bits");
    }

    [TestCase("vectors --base BASE --model HEADS", "n_head is 5 and 4")]
    [TestCase("vectors --model A", "--base")]
    [TestCase("vectors --base BASE --model A --analogy A,B,C", "--analogy needs texts; give --text-file or ")]
    [TestCase("vectors --base BASE --model A --batch BATCH --analogy A,B,C", "there is 1 model")]
    [TestCase("vectors --base BASE --model A --text-file EMPTYTEXT", "empty.txt")]
    [TestCase("vectors --base BASE --model A --batch EMPTY", "no text has two tokens")]
    [TestCase("vectors --base BASE --model A --batch BATCH --text-file TEXT", "texts of two kinds")]
    [TestCase("vectors --base BASE --model A --batch BATCH --lambda 1e300", "expected -1000 to 1000")]
    [TestCase("curvature --model A --batch BATCH --steps 2000000000", "expected at most 10000")]
    [TestCase("curve --model A --model B --batch BATCH --bends 2000000000 --out OUT", "at most 64 and")]
    [TestCase("curvature --model A", "no texts; expected --text-file or --batch")]
    [TestCase("curvature --model A --batch EMPTY", "no text has two tokens")]
    [TestCase("curvature --model A --batch BATCH --top 99999999", "the model has ")]
    [TestCase("curvature --model A --batch BATCH --top 9 --steps 5", "at least as many steps")]
    [TestCase("curvature --model A --batch BATCH --steps 0", "--steps is 0; expected at least 1")]
    [TestCase("curve --model A --batch BATCH --out OUT", "--model names 1 model; expected two")]
    [TestCase("curve --model A --model HEADS --batch BATCH --out OUT", "n_head is 5 and 4")]
    [TestCase("curve --model A --model B --batch BATCH --shape bezir --out OUT", "bezier or polygon")]
    [TestCase("curve --model A --model B --batch BATCH --bends 0 --out OUT", "--bends is 0")]
    [TestCase("curve --model A --model B --batch BATCH --lr 0 --out OUT", "--lr is 0; expected a number")]
    [TestCase("instability --config CONFIG --at 7 --out OUT", "--at is 7; expected 0 to 6")]
    [TestCase("instability --config CONFIG --threshold 0 --out OUT", "--threshold is 0; expected more")]
    public void Wrong_calls_are_one_line_and_nothing_is_written(string call, string message)
    {
        var paths = new Dictionary<string, string>
        {
            ["BASE"] = TinyModel.Folder, ["A"] = s_folder["m6"], ["B"] = s_folder["m7"],
            ["HEADS"] = s_folder["heads"], ["BATCH"] = s_folder["batch.json"],
            ["EMPTY"] = s_folder["empty.json"], ["EMPTYTEXT"] = s_folder["empty.txt"],
            ["TEXT"] = s_folder["text.txt"], ["CONFIG"] = s_folder["train.json"], ["OUT"] = s_folder["wrong"],
        };
        string[] words = [.. call.Split(' ').Select(w => paths.GetValueOrDefault(w, w))];
        Assert.That(Headtap.Refused(["landscape", .. words, "--device", "cpu"]), Does.Contain(message));
        Assert.That(Path.Exists(s_folder["wrong"]), Is.False);
    }
}
