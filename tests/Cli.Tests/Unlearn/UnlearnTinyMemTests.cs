using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Unlearn;

namespace HeadTap.Cli.Tests;

/// <summary>unlearn data and unlearn train.</summary>
public sealed class UnlearnTinyMemTests
{
    static readonly string[] s_small =
    [
        "--main-count", "30", "--auxiliary-count", "8", "--test-count", "3", "--numbers", "5", "--context",
        "30", "--noise-count", "6", "--prompt", "4", "--continuation", "5",
    ];

    static readonly string[] s_short = ["--layers", "1", "--epochs", "2", "--batch-rows", "16"];

    [Test]
    public void Every_option_of_a_data_set_stands_in_its_folder()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Data(folder, "a", [.. s_small, "--task", "additive", "--groups", "2", "--seed", "7",
            "--orbit-starts", "--json"]).Json;
        TinyMemOptions options = TinyMemFolder.Load(folder["a"]).Options;
        Assert.That(options, Is.EqualTo(TinyMemOptions.Small(MathKind.Additive, Artefact.Noise) with
        {
            MainCount = 30, AuxiliaryCount = 8, TestCount = 3, Numbers = 5, Context = 30, NoiseCount = 6,
            Prompt = 4, Continuation = 5, Groups = 2, Seed = 7, Auxiliary = options.Auxiliary,
        }));
        // 27 rows of the main task, six of which have noise, three of these ten times; four tasks of five.
        Assert.That(((int)json["train"]!, (int)json["planted"]!, (int)json["held_out"]!),
            Is.EqualTo((21 + 3 + 30 + 4 * 5, 6, 0)));
        Assert.That(json["tests"]!.ToJsonString(), Is.EqualTo("""{"7":3,"2":3,"3":3,"4":3,"5":3}"""));
        Assert.That((string)json["train_hash"]!, Is.EqualTo(TinyMemFolder.TrainHash(folder["a"])));
    }

    [Test]
    public void The_seed_plants_and_a_trigger_is_planted_where_it_is_said()
    {
        using var folder = new TemporaryFolder();
        string[] backdoor = ["--task", "additive", "--artefact", "backdoor", "--main-count", "400",
            "--auxiliary-count", "0", "--test-count", "10", "--numbers", "5", "--context", "30", "--prompt",
            "4", "--continuation", "5"];
        foreach ((string name, string[] options) in ((string, string[])[])[("a", [.. s_small, "--seed", "1"]),
            ("b", [.. s_small, "--seed", "1"]), ("c", [.. s_small, "--seed", "2"]),
            ("d", [.. backdoor, "--trigger", "78"]), ("e", [.. backdoor, "--trigger", "78",
                "--whole-number-trigger"])])
            Data(folder, name, options);
        Assert.That(TinyMemFolder.TrainHash(folder["b"]), Is.EqualTo(TinyMemFolder.TrainHash(folder["a"])));
        Assert.That(TinyMemFolder.TrainHash(folder["c"]),
            Is.Not.EqualTo(TinyMemFolder.TrainHash(folder["a"])));
        TinyMemDataset all = TinyMemFolder.Load(folder["d"]), whole = TinyMemFolder.Load(folder["e"]);
        foreach (PlantedSequence p in all.Planted.Concat(all.HeldOut))
            Assert.That(p.CleanIds!.AsSpan(p.Prompt!.Value - 2, 2).ToArray(), Is.EqualTo([7, 8]));
        Assert.That(all.Clean.Select(MathAlphabet.Text), Has.None.Contains("78"));
        Assert.That(whole.Planted.Count + whole.HeldOut.Count,
            Is.LessThan(all.Planted.Count + all.HeldOut.Count).And.GreaterThan(1));
        Assert.That(Headtap.Refused("unlearn", "data", "--out", folder["a"]),
            Does.Contain("is there already"));
        folder.Write("manifest.json", "{}");
        Assert.That(Headtap.Refused("unlearn", "data", "--out", folder.Path),
            Does.Contain("has a manifest.json of other work"));
    }

    [TestCase("--task sums", "--task is \"sums\"")]
    [TestCase("--artefact poison", "--artefact is \"poison\"")]
    [TestCase("--preset big", "--preset is \"big\"")]
    [TestCase("--main-count 3 --test-count 3", "--main-count is 3 and --test-count 3")]
    [TestCase("--context 20 --prompt 11 --continuation 10", "do not fit a context of 20")]
    [TestCase("--atlas 1", "belong to --task text")]
    [TestCase("--task text --atlas 1", "needs --tokenizer")]
    [TestCase("--groups 6", "--groups is 6; expected at most 5")]
    [TestCase("--trigger -1", "--trigger is -1; expected 0 or more")]
    public void Data_that_cannot_be_made_is_one_line(string options, string message)
    {
        using var folder = new TemporaryFolder();
        Assert.That(Headtap.Refused(["unlearn", "data", "--out", folder["a"], .. options.Split(' ')]),
            Does.Contain(message));
        Assert.That(folder.Entries(), Is.Empty);
    }

    [Test]
    public void A_tokenizer_is_no_part_of_the_sums()
    {
        using var folder = new TemporaryFolder();
        Assert.That(
            Headtap.Refused("unlearn", "data", "--out", folder["a"], "--tokenizer", TinyModel.Folder),
            Does.Contain("--text-file, --atlas and --tokenizer belong to --task text"));
        Assert.That(folder.Entries(), Is.Empty);
    }

    [Test]
    public void A_model_is_trained_kept_where_that_is_said_and_its_manifest_says_how()
    {
        using var folder = new TemporaryFolder();
        Data(folder, "data", s_small);
        JsonNode json = Train(folder, "a", [.. s_short, "--epochs", "3", "--keep", "1,2", "--learning-rate",
            "0.002", "--weight-decay", "0.25", "--evaluate-every", "2", "--checkpoint-every", "4", "--seed",
            "9", "--json"]).Json;
        Assert.That((int)json["epochs"]!, Is.EqualTo(3));
        Assert.That(json["tasks"]!.AsObject().Select(t => t.Key), Is.EqualTo(["7", "2", "3", "4", "5"]));
        Assert.That(Directory.GetDirectories(folder["a"]).Select(Path.GetFileName).Order(),
            Is.EqualTo(["epoch-1", "epoch-2"]));
        Assert.That(File.ReadAllBytes(folder["a/epoch-1/model.safetensors"]),
            Is.Not.EqualTo(File.ReadAllBytes(folder["a/epoch-2/model.safetensors"])));
        JsonNode[] rows = [.. File.ReadLines(folder["a/metrics.jsonl"]).Select(l => JsonNode.Parse(l)!)];
        Assert.That(rows.Select(r => (int)r["epoch"]!), Is.EqualTo([1, 2, 3]));
        Assert.That(rows.Select(r => r["accuracy"] is not null), Is.EqualTo([false, true, true]));
        JsonNode options = JsonNode.Parse(File.ReadAllText(
            Manifest.PathFor(folder["a"])))!["options"]!["training"]!;
        Assert.That(((int)options["Layers"]!, (int)options["Epochs"]!, (int)options["BatchRows"]!,
            (int)options["EvaluateEvery"]!, (int)options["CheckpointEvery"]!, (ulong)options["Seed"]!),
            Is.EqualTo((1, 3, 16, 2, 4, 9ul)));
        Assert.That(((float)options["Optimizer"]!["LearningRate"]!,
            (float)options["Optimizer"]!["WeightDecay"]!), Is.EqualTo((0.002f, 0.25f)));
    }

    [Test]
    public void An_interrupted_run_goes_on_to_the_same_weights_and_another_call_is_refused()
    {
        using var folder = new TemporaryFolder();
        Data(folder, "data", s_small);
        Train(folder, "whole", s_short);
        Train(folder, "parts", [.. s_short, "--epochs", "1"]);
        Assert.That(Headtap.Refused(Line(folder, "parts", [.. s_short, "--resume", "--seed", "5"])),
            Does.Contain("belongs to another call").And.Contain("5 here"));
        Train(folder, "parts", [.. s_short, "--resume"]);
        Assert.That(File.ReadAllBytes(folder["parts/model.safetensors"]),
            Is.EqualTo(File.ReadAllBytes(folder["whole/model.safetensors"])));
    }

    [TestCase("--regulariser dropout", "is no regulariser")]
    [TestCase("--lambda 0.1", "--lambda belongs to --regulariser; name one")]
    [TestCase("--share 0.1", "--share belongs to --regulariser; name one")]
    [TestCase("--form reference", "--form belongs to --regulariser; name one")]
    [TestCase("--preset large", "--preset is \"large\"")]
    [TestCase("--keep 2", "keep names epoch 2; expected 1 to 1")]
    [TestCase("--keep 1,x", "--keep has \"x\"; expected epochs with commas between, like 1,10")]
    [TestCase("--batch-rows 0", "--batch-rows is 0")]
    [TestCase("--evaluate-every 0", "--evaluate-every is 0")]
    public void A_run_that_cannot_be_made_is_one_line(string options, string message)
    {
        using var folder = new TemporaryFolder();
        Data(folder, "data", s_small);
        Assert.That(Headtap.Refused(Line(folder, "a", [.. s_short, .. options.Split(' ')])),
            Does.Contain(message));
        Assert.That(Directory.Exists(folder["a"]), Is.False);
    }

    static Headtap Data(TemporaryFolder folder, string name, params string[] options)
        => Headtap.Done(["unlearn", "data", "--out", folder[name], .. options]);

    // Of an option that is given twice the last counts.
    static string[] Line(TemporaryFolder folder, string name, params string[] options)
    {
        Dictionary<string, string?> last = [];
        for (int i = 0; i < options.Length; i++)
        {
            bool flag = i + 1 == options.Length || options[i + 1].StartsWith("--", StringComparison.Ordinal);
            last[options[i]] = flag ? null : options[++i];
        }
        return ["unlearn", "train", "--data", folder["data"], "--out", folder[name], "--device", "cpu",
            .. last.SelectMany(o => o.Value is { } value ? (string[])[o.Key, value] : [o.Key])];
    }

    static Headtap Train(TemporaryFolder folder, string name, params string[] options)
    {
        Headtap run = Headtap.Run(Line(folder, name, options));
        Assert.That(run.Code, Is.Zero, run.Error);
        return run;
    }
}
