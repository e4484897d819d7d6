using System.Text.Json.Nodes;

namespace HeadTap.Cli.Tests;

/// <summary>Lenses that learn what the removal of heads changes; favours beside effects.</summary>
public sealed class LensRemovalTests
{
    [Test]
    public void They_are_trained_read_and_compared_with_effects()
    {
        using TemporaryFolder folder = Batch();
        foreach (string[] kind in
            (string[][])[["--kind", "effect"], ["--kind", "thin", "--ablation", "mean"]])
        {
            string lens = folder[kind[1]];
            JsonNode trained = Headtap.Done(
                [.. Train(folder, lens, kind), "--ablation-share", "0.25", "--json"]).Json;
            Assert.That((bool)trained["complete"]!);
            JsonNode facts = JsonNode.Parse(File.ReadAllText(Path.Combine(lens, "lens.json")))!;
            Assert.That((string?)facts["training"]!["ablation"],
                Is.EqualTo(kind[1] == "effect" ? "zero" : "mean"));
            Assert.That((double)facts["training"]!["ablation_share"]!, Is.EqualTo(0.25));
            Assert.That((double)facts["training"]!["minimum_gain"]!, Is.Zero, "effects are small");
            Assert.That((string?)facts["lens"]!["bias"], Is.EqualTo("none"));
            Headtap read = Headtap.Done("lens", "read", "--model", TinyModel.Folder, "--ids", "5,6,7",
                "--lens", lens, "--ablation");
            Assert.That(read.Error, Does.Contain("the sum of its heads is no prediction"));
            JsonNode found = Headtap.Done("lens", "eval", "--model", TinyModel.Folder, "--batch",
                folder["rows.json"], "--lens", lens, "--agreement", "4", "--json").Json;
            JsonArray agreement = found["agreement"]!.AsArray();
            Assert.That(agreement.Select(a => (string)a!["by"]!),
                Is.EqualTo((string[])["lens", "logit lens", "direct attribution"]));
            foreach (JsonNode? a in agreement)
            {
                Assert.That(((int)a!["prompts"]!, (string)a["to"]!), Is.EqualTo((4, "zero")));
                Assert.That((double)a["rank"]!, Is.InRange(-1, 1));
                Assert.That((double)a["low"]!, Is.LessThanOrEqualTo((double)a["high"]!));
            }
        }
    }

    [Test]
    public void The_table_says_how_many_prompts_and_none_where_there_is_no_interval()
    {
        using TemporaryFolder folder = Batch();
        string[] eval = ["lens", "eval", "--model", TinyModel.Folder, "--batch", folder["rows.json"],
            "--lens", "logit"];
        Headtap one = Headtap.Done([.. eval, "--agreement", "1"]);
        Assert.That(one.Out, Does.Contain("1 prompt").And.Contain("none").And.Not.Contain("NaN"));
        Assert.That(Headtap.Done([.. eval, "--agreement", "99", "--ablation-to", "mean"]).Out,
            Does.Contain("become their mean").And.Contain("6 prompts"));
        Assert.That(Headtap.Refused([.. eval, "--ablation-to", "mean"]),
            Does.Contain("--ablation-to says nothing without --ablation or --agreement"));
        Assert.That(Headtap.Refused([.. eval, "--agreement", "-1"]), Does.Contain("--agreement is -1"));
    }

    [TestCase("--kind tuned reads the stream", "--kind", "tuned", "--ablation", "zero")]
    [TestCase("--kind residual reads the stream", "--kind", "residual", "--ablation", "zero")]
    [TestCase("have no biases; leave --bias out", "--kind", "effect", "--bias", "divided")]
    [TestCase("--bias none belongs to --ablation", "--kind", "thin", "--bias", "none")]
    [TestCase("--ablation is \"some\"; expected zero or mean", "--kind", "thin", "--ablation", "some")]
    [TestCase("--ablation-share belongs to --ablation", "--kind", "thin", "--ablation-share", "0.2")]
    [TestCase("--ablation-share is 1", "--kind", "effect", "--ablation-share", "1")]
    [TestCase("a step has 1 row", "--kind", "effect", "--batch-rows", "1")]
    [TestCase("--ablation belongs to lenses that are trained", "--kind", "jacobian", "--ablation", "zero")]
    public void Bad_input_is_one_line_and_leaves_nothing(string said, params string[] options)
    {
        using TemporaryFolder folder = Batch();
        Assert.That(Headtap.Refused(["lens", "train", "--model", TinyModel.Folder, "--batch",
            folder["rows.json"], "--out", folder["lens"], .. options]), Does.Contain(said));
        Assert.That(Directory.Exists(folder["lens"]), Is.False);
    }

    static string[] Train(TemporaryFolder folder, string lens, string[] kind) => ["lens", "train", "--model",
        TinyModel.Folder, "--batch", folder["rows.json"], "--positions", "all", "--batch-rows", "3",
        "--steps", "4", "--out", lens, .. kind];

    static TemporaryFolder Batch()
    {
        var folder = new TemporaryFolder();
        folder.Write("rows.json",
            "[[5,6,7,8,9],[30,31,32,33],[5,40,41,42,43,44,45],[2,3],[11,12,13],[20,21,50]]");
        return folder;
    }
}
