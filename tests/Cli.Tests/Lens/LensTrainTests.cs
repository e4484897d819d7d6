using System.Text.Json.Nodes;

namespace HeadTap.Cli.Tests;

/// <summary>lens train.</summary>
public sealed class LensTrainTests
{
    static readonly string[] s_small =
    [
        "--steps", "4", "--batch-rows", "2", "--evaluate-every", "2", "--validation-rows", "4", "--kind",
        "thin",
    ];

    [Test]
    public void Every_option_reaches_the_run_as_the_lens_says_afterwards()
    {
        using var folder = Texts();
        JsonNode json = Train(folder, "lens", "--json", "--kind", "low-rank", "--rank", "3", "--init", "raw",
            "--bias", "divided", "--layers", "1", "--positions", "2", "--steps", "3", "--batch-rows", "2",
            "--accumulation", "2", "--tokens-per-row", "6", "--learning-rate", "0.01", "--beta1", "0.8",
            "--beta2", "0.9", "--epsilon", "1e-7", "--weight-decay", "0.25", "--schedule", "constant",
            "--warmup-steps", "1", "--minimum-rate", "0.001", "--clip", "0.5", "--moments", "8-bit",
            "--validation-share", "0.25", "--validation-rows", "3", "--evaluate-every", "2", "--patience",
            "7", "--minimum-gain", "0.001", "--seed", "4", "--bos").Json;
        Assert.That((bool)json["complete"]!);
        Assert.That(json["layers"]!.AsArray().Select(l => (int)l!["layer"]!), Is.EqualTo([1]));
        JsonNode facts = Facts(folder, "lens"), training = facts["training"]!;
        Assert.That(facts["lens"]!.ToJsonString(), Is.EqualTo(
            """{"kind":"low-rank","rank":3,"initial":"raw","bias":"divided"}"""));
        Assert.That(training["positions"]!.ToString(), Is.EqualTo("2"));
        Assert.That(training["schedule"]!.ToString(), Is.EqualTo("constant"));
        Assert.That(training["moments"]!.ToString(), Is.EqualTo("eightbit"));
        foreach ((string field, double value) in ((string, double)[])
            [("steps", 3), ("batch_rows", 2), ("accumulation", 2), ("tokens_per_row", 6),
            ("learning_rate", 0.01), ("beta1", 0.8), ("beta2", 0.9), ("epsilon", 1e-7),
            ("weight_decay", 0.25), ("warmup_steps", 1), ("minimum_rate", 0.001), ("clip", 0.5),
            ("seed", 4), ("bos", 279),
            ("validation_share", 0.25), ("validation_rows", 3), ("evaluate_every", 2), ("patience", 7),
            ("minimum_gain", 0.001)])
            Assert.That(training[field]!.GetValue<double>(), Is.EqualTo(value).Within(1e-6 * value), field);
        JsonNode[] rows = [.. File.ReadLines(folder["lens/metrics.jsonl"]).Select(l => JsonNode.Parse(l)!)];
        Assert.That(rows.Select(r => (int)r["step"]!), Is.EqualTo([1, 2, 3]));
        Assert.That(rows.Select(r => r["validation_kl"] is not null), Is.EqualTo([false, true, true]),
            "evaluated at every second step and at the last");
    }

    [Test]
    public void The_seed_decides_and_nothing_else_does()
    {
        using var folder = Texts();
        foreach ((string name, string seed) in ((string, string)[])[("a", "1"), ("b", "1"), ("c", "2")])
            Train(folder, name, [.. s_small, "--positions", "2", "--seed", seed]);
        Assert.That(Weights(folder, "b"), Is.EqualTo(Weights(folder, "a")));
        Assert.That(Weights(folder, "c"), Is.Not.EqualTo(Weights(folder, "a")));
    }

    [Test]
    public void A_stopped_run_ends_with_130_and_goes_on_to_the_same_lens()
    {
        using var folder = Texts();
        Train(folder, "whole", s_small);
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        Assert.That(Headtap.RunUntil(stop.Token, Line(folder, "parts", s_small)).Code, Is.EqualTo(130));
        string[] resume = Directory.Exists(folder["parts"]) ? ["--resume"] : [];
        Train(folder, "parts", [.. s_small, .. resume]);
        Assert.That(Weights(folder, "parts"), Is.EqualTo(Weights(folder, "whole")));
        Assert.That(Headtap.RunUntil(default, Line(folder, "whole", s_small)).Error,
            Does.Contain("complete already"));
        Assert.That(Headtap.Refused(Line(folder, "whole", [.. s_small, "--resume", "--seed", "5"])),
            Does.Contain("seed is 0").And.Contain("and 5 here"));
    }

    [TestCase("<q> is the city of the north"), TestCase("the city of the north is <q>")]
    public void A_call_that_the_first_step_refuses_leaves_nothing(string text)
    {
        using var folder = new TemporaryFolder();
        string model = folder["model"];
        Directory.CreateDirectory(model);
        foreach (string file in Directory.GetFiles(TinyModel.Folder))
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(model, "added_tokens.json"), "{\"<q>\": 310}"); // beyond the model
        string texts = folder.Write("t.txt", text);
        string[] before = folder.Entries();
        Assert.That(Headtap.Refused(["lens", "train", "--model", model, "--text-file", texts, "--out",
            folder["deep/er"], "--device", "cpu", "--quiet", .. s_small]),
            Does.Contain("token id 310; the model's vocabulary is 0 to 279"));
        Assert.That(folder.Entries(), Is.EqualTo(before));
    }

    [Test]
    public void A_plan_says_what_it_takes_and_writes_nothing()
    {
        using var folder = Texts();
        string[] before = folder.Entries();
        JsonNode json = Headtap.Done("lens", "train", "--model", TinyModel.Folder, "--plan", "--json").Json,
            tight = Headtap.Done("lens", "train", "--model", TinyModel.Folder, "--plan", "--json",
                "--layers-at-once", "1").Json;
        Assert.That(json["groups"]!.ToJsonString(), Is.EqualTo("[[0,1]]"));
        Assert.That(tight["groups"]!.ToJsonString(), Is.EqualTo("[[0],[1]]"));
        Assert.That((long)json["bytes"]!,
            Is.EqualTo(json["parts"]!.AsObject().Sum(p => (long)p.Value!)));
        Assert.That((long)tight["bytes"]!, Is.LessThan((long)json["bytes"]!));
        Assert.That(Headtap.Refused("lens", "train", "--model", TinyModel.Folder, "--plan", "--plan-memory",
            "0.0001", "--device", "cpu"), Does.Contain("--kind thin, --moments 8-bit or fewer --positions"));
        Assert.That(folder.Entries(), Is.EqualTo(before));
    }

    [TestCase("thin"), TestCase("head"), TestCase("jacobian")]
    public void Only_one_kind_has_a_rank(string kind)
    {
        using var folder = Texts();
        string[] before = folder.Entries();
        Assert.That(Headtap.Refused(Line(folder, "lens", "--kind", kind, "--rank", "64")),
            Does.Contain("--rank belongs to ").Or.Contain("--rank says nothing"));
        Assert.That(folder.Entries(), Is.EqualTo(before));
    }

    [Test]
    public void No_steps_print_the_loss_of_the_lens_as_it_begins()
    {
        using var folder = Texts();
        JsonNode json = Train(folder, "lens", [.. s_small[2..], "--steps", "0", "--json"]).Json;
        foreach (JsonNode? layer in json["layers"]!.AsArray())
            Assert.That((double)layer!["validation_kl"]!, Is.GreaterThan(0));
    }

    [Test]
    public void Another_text_is_named()
    {
        using var folder = new TemporaryFolder();
        string one = folder.Write("one.txt", "the city of the north"), two = folder.Write("two.txt",
            "a capital of the north"), rows = folder.Write("rows.json", "[[1,2,3,4]]");
        string[] call = ["lens", "train", "--model", TinyModel.Folder, "--out", folder["lens"], "--kind",
            "thin", "--steps", "1", "--device", "cpu"];
        Assert.That(Headtap.Run([.. call, "--text-file", one]).Code, Is.Zero);
        Assert.That(Headtap.Refused([.. call, "--text-file", two]), Does.Match("data_hash is \"[0-9a-f]+\" "
            + "in its [a-z.]+ and \"[0-9a-f]+\" here \\(the texts here are those of "
            + System.Text.RegularExpressions.Regex.Escape(two) + "\\)"));
        Assert.That(Headtap.Refused([.. call, "--batch", rows]), Does.Contain(
            $"(the texts here are those of {rows})"));
    }

    static TemporaryFolder Texts()
    {
        var folder = new TemporaryFolder();
        folder.Write("rows.json", $"[{string.Join(',', Enumerable.Range(0, 24).Select(i =>
            $"[{string.Join(',', Enumerable.Range(0, 5 + i % 4).Select(t => (7 * i + 11 * t) % 280))}]"))}]");
        return folder;
    }

    static string[] Line(TemporaryFolder folder, string name, params string[] options)
        => ["lens", "train", "--model", TinyModel.Folder, "--batch", folder["rows.json"], "--out",
            folder[name], "--device", "cpu", .. options];

    static Headtap Train(TemporaryFolder folder, string name, params string[] options)
    {
        Headtap run = Headtap.Run(Line(folder, name, options));
        Assert.That(run.Code, Is.Zero, run.Error);
        return run;
    }

    static JsonNode Facts(TemporaryFolder folder, string name)
        => JsonNode.Parse(File.ReadAllText(folder[$"{name}/lens.json"]))!;

    static byte[] Weights(TemporaryFolder folder, string name)
        => File.ReadAllBytes(folder[$"{name}/lens.safetensors"]);
}
