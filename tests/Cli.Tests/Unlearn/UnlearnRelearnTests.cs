using System.Text.Json.Nodes;

namespace HeadTap.Cli.Tests;

/// <summary>unlearn relearn.</summary>
public sealed class UnlearnRelearnTests
{
    [Test]
    public void It_measures_before_the_first_step_at_powers_of_two_and_at_the_last()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Run(folder, "--steps", "6", "--json").Json;
        Assert.That(json["steps"]!.AsArray().Select(s => (int)s!["steps"]!), Is.EqualTo([0, 1, 2, 4, 6]));
        Assert.That((double)json["steps"]![0]!["memorised"]!, Is.EqualTo(2.0 / 3), "every third is spoilt");
        Assert.That(((int)json["sequences"]!, (int)json["rows"]!), Is.EqualTo((3, 3)));
    }

    [Test]
    public void The_first_that_comes_back_is_told_and_the_model_stays_as_it_was()
    {
        using var folder = new TemporaryFolder();
        byte[] before = File.ReadAllBytes(Path.Combine(TinyModel.Folder, "model.safetensors"));
        JsonNode json = Run(folder, "--steps", "24", "--learning-rate", "2e-2", "--json").Json;
        JsonNode[] steps = [.. json["steps"]!.AsArray().Select(s => s!)];
        Assert.That((double)steps[^1]["memorised"]!, Is.EqualTo(1), "three rows are soon learnt");
        Assert.That((int)json["first_back_at"]!, Is.EqualTo((int)steps.First(s =>
            (double)s["memorised"]! > (double)steps[0]["memorised"]!)["steps"]!));
        Assert.That(File.ReadAllBytes(Path.Combine(TinyModel.Folder, "model.safetensors")),
            Is.EqualTo(before));
    }

    [Test]
    public void Other_rows_are_trained_on_where_they_are_given_and_the_seed_orders_them()
    {
        using var folder = new TemporaryFolder();
        string others = TinyRecital.Write(folder, "others.jsonl", TinyRecital.Others(20));
        JsonNode json = Run(folder, "--steps", "4", "--train", others, "--json").Json;
        Assert.That(((int)json["sequences"]!, (int)json["rows"]!), Is.EqualTo((3, 20)));
        string[] Call(string seed) => ["--steps", "2", "--train", others, "--learning-rate", "1e-2", "--json",
            "--seed", seed];
        string first = Run(folder, Call("1")).Out;
        Assert.That(Run(folder, Call("1")).Out, Is.EqualTo(first));
    }

    [Test]
    public void No_step_is_refused()
    {
        using var folder = new TemporaryFolder();
        Assert.That(Headtap.Refused([.. Line(folder), "--steps", "0", "--device", "cpu"]),
            Does.Contain("0 steps; expected 1 or more"));
    }

    static Headtap Run(TemporaryFolder folder, params string[] options)
        => Headtap.Done([.. Line(folder), .. options]);

    static string[] Line(TemporaryFolder folder) => ["unlearn", "relearn", "--model", TinyModel.Folder,
        "--sequences", TinyRecital.Write(folder, "asked.jsonl", TinyRecital.Sequences(3)),
        .. TinyRecital.Asked];

    [Test]
    public void With_a_folder_it_says_the_same_and_the_same_call_again_trains_nothing()
    {
        using var folder = new TemporaryFolder();
        TinyRecital.Write(folder, "forget.jsonl", TinyRecital.Sequences(6));
        string[] call = ["unlearn", "relearn", "--model", TinyModel.Folder, "--sequences",
            folder["forget.jsonl"], .. TinyRecital.Asked, "--steps", "5", "--json"];
        string plain = Headtap.Done(call).Out;
        Assert.That(Headtap.Done([.. call, "--out", folder["a"]]).Out, Is.EqualTo(plain));
        Assert.That(Directory.GetFiles(folder["a"]).Select(Path.GetFileName).Order(),
            Is.EqualTo((string[])["manifest.json", "metrics.jsonl", "run.json"]));
        Headtap again = Headtap.Done([.. call, "--out", folder["a"]]);
        Assert.That(again.Out, Is.EqualTo(plain));
        Assert.That(again.Error, Does.Contain("complete already"));
        Assert.That(Headtap.Refused([.. call, "--out", folder["a"], "--learning-rate", "0.1", "--device",
            "cpu"]), Does.Contain("learning_rate is 0.0001 in its run.json and 0.1 here"));
    }
}
