using System.Text.Json.Nodes;
using HeadTap.Unlearn;

namespace HeadTap.Cli.Tests;

/// <summary>What is forgotten, kept and asked for.</summary>
public sealed class ForgetOptionTests
{
    [Test]
    public void Others_are_asked_for_where_they_are_named()
    {
        using var folder = new TemporaryFolder();
        string asked = TinyRecital.Write(folder, "asked.jsonl", TinyRecital.Sequences(9).Skip(4));
        JsonNode json = Run(folder, "a", "--asked", asked);
        Assert.That(((int)json["forget"]!, (int)json["before"]!["asked"]!), Is.EqualTo((4, 5)));
        // Of the last five of nine, where every third is spoilt, two are.
        Assert.That((double)json["before"]!["memorised"]!, Is.EqualTo(3.0 / 5));
        JsonNode options = JsonNode.Parse(File.ReadAllText(folder["a/manifest.json"]))!["options"]!;
        Assert.That(options["files"]!.AsArray().Select(f => f!.ToString()), Does.Contain(asked));
    }

    [Test]
    public void The_first_rows_to_keep_are_measured_where_that_is_said()
    {
        using var folder = new TemporaryFolder();
        PlantedSequence[] others = [.. TinyRecital.Others(6)];
        string all = TinyRecital.Write(folder, "all.jsonl", others),
            two = TinyRecital.Write(folder, "two.jsonl", others[..2]);
        double Loss(JsonNode json) => (double)json["before"]!["keep_loss"]!;
        double first = Loss(Run(folder, "a", "--keep", all, "--keep-rows", "2"));
        Assert.That(first, Is.EqualTo(Loss(Run(folder, "b", "--keep", two))));
        Assert.That(Loss(Run(folder, "c", "--keep", all)), Is.Not.EqualTo(first));
        Assert.That(Loss(Run(folder, "d", "--keep", all, "--keep-rows", "9")),
            Is.EqualTo(Loss(Run(folder, "e", "--keep", all))));
    }

    [Test]
    public void A_token_that_is_never_written_is_in_no_recital()
    {
        using var folder = new TemporaryFolder();
        IReadOnlyList<PlantedSequence> one = TinyRecital.Sequences(1, spoilt: false);
        string file = TinyRecital.Write(folder, "one.jsonl", one);
        double Memorised(params string[] options) => (double)Headtap.Done(["unlearn", "measure", "--model",
            TinyModel.Folder, "--sequences", file, .. TinyRecital.Asked, "--json", .. options])
            .Json["memorised"]!;
        Assert.That(Memorised(), Is.EqualTo(1));
        Assert.That(Memorised("--never-token", $"{one[0].Ids[^1]}"), Is.Zero);
        int absent = Enumerable.Range(0, 280).First(t => !one[0].Ids.Contains(t));
        Assert.That(Memorised("--never-token", $"{absent}"), Is.EqualTo(1));
        foreach (string wrong in (string[])["-1", "280"])
            Assert.That(Headtap.Refused(["unlearn", "measure", "--model", TinyModel.Folder, "--sequences",
                file, .. TinyRecital.Asked, "--never-token", wrong]),
                    Does.Contain($"--never-token is {wrong}"));
    }

    [TestCase("npo --beta 2", "beta", 2.0), TestCase("ga-kl --lambda 3", "lambda", 3.0)]
    [TestCase("rmu --alpha 3", "alpha", 3.0), TestCase("rmu --strength 3", "strength", 3.0)]
    [TestCase("rmu --layer 1", "layer", 1.0), TestCase("subnet --momentum 0.5", "momentum", 0.5)]
    [TestCase("subnet --weight-decay 0.25", "weight_decay", 0.25)]
    [TestCase("gradient-ascent --learning-rate 0.25", "learning_rate", 0.25)]
    [TestCase("gradient-ascent --batch-rows 3", "batch_rows", 3.0)]
    [TestCase("second-order --gradients 3", "gradients", 3.0)]
    [TestCase("second-order --block 3", "block", 3.0), TestCase("second-order --damping 0.5", "damping", 0.5)]
    [TestCase("integrated-gradients --path-steps 2", "path_steps", 2.0)]
    public void An_option_of_a_method_stands_under_its_own_name(string line, string field, double value)
    {
        using var folder = new TemporaryFolder();
        string keep = TinyRecital.Write(folder, "keep.jsonl", TinyRecital.Others(4));
        string forget = TinyRecital.Write(folder, "forget.jsonl", TinyRecital.Sequences(4, spoilt: false));
        string[] few = line.StartsWith("integrated", StringComparison.Ordinal)
            || line.Contains("gradients", StringComparison.Ordinal) ? []
            : line.StartsWith("second", StringComparison.Ordinal) ? ["--gradients", "2"] : ["--epochs", "1"];
        Headtap.Done(["unlearn", "run", "--model", TinyModel.Folder, "--method", .. line.Split(' '),
            "--budget", "0", "--forget", forget, "--keep", keep, .. TinyRecital.Asked, .. few, "--out",
            folder["a"]]);
        JsonObject options = JsonNode.Parse(File.ReadAllText(folder["a/manifest.json"]))!["options"]!
            ["method_options"]!.AsObject();
        Assert.That(options.Count, Is.EqualTo(1 + few.Length / 2));
        Assert.That(options[field]!.GetValue<double>(), Is.EqualTo(value));
    }

    static JsonNode Run(TemporaryFolder folder, string name, params string[] options)
        => Headtap.Done(["unlearn", "run", "--model", TinyModel.Folder, "--method", "durable", "--budget",
            "0.1", "--forget", TinyRecital.Write(folder, "forget.jsonl",
                TinyRecital.Sequences(4, spoilt: false)), .. TinyRecital.Asked, "--out", folder[name],
            "--json", .. options]).Json;
}
