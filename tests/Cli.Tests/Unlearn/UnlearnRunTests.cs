using System.Text.Json.Nodes;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>unlearn run and unlearn apply, on sequences the tiny model wrote itself.</summary>
public sealed class UnlearnRunTests
{
    static readonly string[] Folder = ["config.json", "edit.safetensors", "manifest.json", "merges.txt",
        "model.safetensors", "tokenizer_config.json", "vocab.json"];

    [Test]
    public void An_edit_is_written_told_taken_back_and_made_again_bit_for_bit()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Run(folder, "edited", "--budget", "0.2", "--keep", Keep(folder)).Json;
        Assert.That(Directory.GetFiles(folder["edited"]).Select(Path.GetFileName).Order(),
            Is.EquivalentTo(Folder));
        Assert.That((double)json["before"]!["memorised"]!, Is.EqualTo(1));
        Assert.That((double)json["after"]!["memorised"]!, Is.LessThan(1));
        foreach (string measure in new[] { "memorised", "loose", "similarity", "keep_loss", "keep_accuracy" })
            Assert.That((double?)json["after"]![measure], Is.Not.Null, measure);
        int inMatrix = (int)(20 * 28 * 0.2);
        Assert.That(json["layers"]!.AsArray().Select(l => ((int)l!["layer"]!, (int)l["weights"]!,
            (int)l["mlp_weights"]!)), Is.EqualTo(((int, int, int)[])[(0, 2 * inMatrix, 2 * inMatrix),
            (1, 2 * inMatrix, 2 * inMatrix)]));
        Assert.That((int)json["changed_weights"]!, Is.EqualTo(4 * inMatrix));
        Assert.That((double)json["seconds"]!, Is.Positive);
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(folder["edited/manifest.json"]))!;
        Assert.That((string)manifest["model_hash"]!, Is.EqualTo(ModelFolder.Hash(TinyModel.Folder)));
        Assert.That((string)manifest["options"]!["method"]!, Is.EqualTo("durable"));

        Headtap.Done("unlearn", "apply", "--undo", "--model", folder["edited"], "--out", folder["back"]);
        Same(folder["back"], TinyModel.Folder);
        Headtap.Done("unlearn", "apply", "--model", folder["back"], "--edit", folder["edited"], "--out",
            folder["again"]);
        Same(folder["again"], folder["edited"]);
        Assert.That((double)Headtap.Done(["unlearn", "measure", "--model", folder["again"], "--sequences",
            folder["forget.jsonl"], .. TinyRecital.Asked, "--json"]).Json["memorised"]!,
            Is.EqualTo((double)json["after"]!["memorised"]!));
    }

    [Test]
    public void A_budget_of_nothing_writes_the_same_weights()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Run(folder, "same", "--budget", "0").Json;
        Same(folder["same"], TinyModel.Folder);
        Assert.That((int)json["changed_weights"]!, Is.Zero);
        Assert.That(json["after"]!["keep_loss"], Is.Null, "nothing is to be kept");
        Headtap.Done("unlearn", "apply", "--undo", "--model", folder["same"], "--out", folder["back"]);
        Same(folder["back"], TinyModel.Folder);
    }

    [Test]
    public void Sequences_in_both_sets_are_told_counted_and_not_kept()
    {
        using var folder = new TemporaryFolder();
        string keep = TinyRecital.Write(folder, "both.jsonl",
            [.. TinyRecital.Others(4), TinyRecital.Sequences(2, spoilt: false)[1]]);
        Headtap corrected = Run(folder, "c", "--budget", "0.1", "--keep", keep);
        Assert.That(((int)corrected.Json["overlap"]!, (int)corrected.Json["keep"]!), Is.EqualTo((1, 4)));
        Assert.That(corrected.Error, Does.Contain("1 of the sequences to keep are to be forgotten too"));
        Headtap reference = Run(folder, "r", "--budget", "0.1", "--keep", keep, "--form", "reference");
        Assert.That(((int)reference.Json["overlap"]!, (int)reference.Json["keep"]!), Is.EqualTo((1, 5)));
        Headtap same = Headtap.Done(["unlearn", "run", "--model", TinyModel.Folder, "--method",
            "gradient-ascent", "--epochs", "1", "--budget", "0", "--forget", Forget(folder),
            .. TinyRecital.Asked, "--out", folder["g"], "--form", "reference"]);
        Assert.That(same.Error, Does.Contain("gradient-ascent has one form"));
    }

    [Test]
    public void Only_what_is_recited_is_forgotten_where_that_is_asked_for()
    {
        using var folder = new TemporaryFolder();
        string forget = TinyRecital.Write(folder, "f.jsonl", TinyRecital.Sequences(6));
        JsonNode json = Headtap.Done(["unlearn", "run", "--model", TinyModel.Folder, "--method", "durable",
            "--forget", forget, "--only-memorised", "--budget", "0.1", .. TinyRecital.Asked, "--out",
            folder["o"], "--json"]).Json;
        Assert.That(((int)json["forget"]!, (int)json["before"]!["asked"]!), Is.EqualTo((4, 6)));
    }

    [TestCase("--method none", "\"none\" is no method; expected one of ")]
    [TestCase("--budget 1.5", "a budget of 1.5; expected 0 to 1")]
    [TestCase("--budget -0.1", "a budget of -0.1; expected 0 to 1")]
    [TestCase("--epochs 3", "durable does not read --epochs; it reads no options")]
    [TestCase("--form other", "--form is \"other\"; expected corrected or reference")]
    [TestCase("--forget {empty}", "holds no sequence")]
    [TestCase("--forget {long}", "sequence 2 of the forget set has 25 tokens; the model's context is 24")]
    [TestCase("--keep {long}", "sequence 2 of the keep set has 25 tokens; the model's context is 24")]
    [TestCase("--keep {one}", "sequence 1 of the keep set has 1 token")]
    [TestCase("--forget {wide}", "ids has \"280\"; expected whole numbers from 0 to 279")]
    [TestCase("--forget {one2}", "none of 1 sequence can be asked for")]
    [TestCase("--model {missing}", "no such folder")]
    [TestCase("--out {there}", "exists; expected the name of a new folder")]
    [TestCase("--out {left}", "left by a run that was killed or still goes on; remove it")]
    [TestCase("--keep-rows -1", "--keep-rows is -1")]
    public void What_does_not_fit_is_one_line_and_nothing_is_written(string wrong, string line)
    {
        using var folder = new TemporaryFolder();
        Forget(folder);
        folder.Write("empty", "\n");
        folder.Write("long", "{\"ids\": [1, 2]}\n{\"ids\": [" + string.Join(',', new int[25]) + "]}");
        folder.Write("one", "{\"ids\": [1]}");
        folder.Write("one2", "{\"ids\": [1, 2]}");
        folder.Write("wide", "{\"ids\": [1, 280]}");
        Directory.CreateDirectory(folder["there"]);
        Directory.CreateDirectory(folder["left.tmp"]);
        string[] before = folder.Entries();
        string[] change = wrong.Split(' ');
        Dictionary<string, string> options = new()
        {
            ["--model"] = TinyModel.Folder, ["--method"] = "durable", ["--budget"] = "0.1",
            ["--forget"] = folder["forget.jsonl"], ["--out"] = folder["out"], ["--prompt"] = "3",
            ["--continuation"] = "5", ["--device"] = "cpu",
        };
        options[change[0]] = change[1].StartsWith('{') ? folder[change[1].Trim('{', '}')] : change[1];
        Assert.That(Headtap.Refused(["unlearn", "run", .. options.SelectMany(o => new[] { o.Key, o.Value })]),
            Does.Contain(line));
        Assert.That(folder.Entries(), Is.EqualTo(before));
    }

    [Test]
    public void An_edit_is_refused_on_other_weights()
    {
        using var folder = new TemporaryFolder();
        Run(folder, "edited", "--budget", "0.1");
        Assert.That(Headtap.Refused("unlearn", "apply", "--model", folder["edited"], "--edit",
            folder["edited"], "--out", folder["x"]), Does.Contain("are not those the edit was made from"));
        Assert.That(Headtap.Refused("unlearn", "apply", "--undo", "--model", TinyModel.Folder, "--edit",
            folder["edited"], "--out", folder["x"]), Does.Contain("expected the edited model"));
        Assert.That(Headtap.Refused("unlearn", "apply", "--model", TinyModel.Folder, "--out", folder["x"]),
            Does.Contain("no --edit"));
        Assert.That(Headtap.Refused("unlearn", "apply", "--undo", "--model", TinyModel.Folder, "--out",
            folder["x"]), Does.Contain("no such file"));
        Assert.That(Headtap.Refused("unlearn", "apply", "--model", TinyModel.Folder, "--edit",
            Path.Combine(TinyModel.Folder, "model.safetensors"), "--out", folder["x"]),
            Does.Contain("is no edit"));
        Assert.That(Path.Exists(folder["x"]), Is.False);
    }

    [Test]
    public void A_damaged_edit_is_noticed_before_anything_is_written()
    {
        using var folder = new TemporaryFolder();
        Run(folder, "edited", "--budget", "0.1");
        byte[] bytes = File.ReadAllBytes(folder["edited/edit.safetensors"]);
        bytes[^1] ^= 1;
        File.WriteAllBytes(folder["edited/edit.safetensors"], bytes);
        Assert.That(Headtap.Refused("unlearn", "apply", "--undo", "--model", folder["edited"], "--out",
            folder["x"]), Does.Contain("the edit is damaged"));
        Assert.That(Path.Exists(folder["x"]) || Path.Exists(folder["x"] + ".tmp"), Is.False);
    }

    static Headtap Run(TemporaryFolder folder, string name, params string[] rest)
        => Headtap.Done(["unlearn", "run", "--model", TinyModel.Folder, "--method", "durable", "--forget",
            Forget(folder), .. TinyRecital.Asked, "--out", folder[name], "--json", .. rest]);

    static string Forget(TemporaryFolder folder)
        => TinyRecital.Write(folder, "forget.jsonl", TinyRecital.Sequences(4, spoilt: false));

    static string Keep(TemporaryFolder folder)
        => TinyRecital.Write(folder, "keep.jsonl", TinyRecital.Others(6));

    static void Same(string a, string b) => Assert.That(
        File.ReadAllBytes(Path.Combine(a, "model.safetensors")),
        Is.EqualTo(File.ReadAllBytes(Path.Combine(b, "model.safetensors"))));
}
