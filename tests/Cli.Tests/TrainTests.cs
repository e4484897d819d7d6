using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>train: a run, an interrupted one, and mistakes.</summary>
public sealed class TrainTests
{
    const string Config = """
        {
          "model": { "layers": 1, "width": 8, "heads": 2, "context": 8 },
          "data": { "files": ["text.txt"] },
          "tokenizer": { "train_bpe": { "vocab_size": 270, "minimum_count": 1 } },
          "rows": "packed", "tokens_per_row": 8, "batch_rows": 2, "steps": 4, "seed": 1
        }
        """;

    [Test]
    public void A_run_gives_a_model_and_an_interrupted_one_the_same_after_resuming()
    {
        using var folder = new TemporaryFolder();
        string config = Prepare(folder);
        Headtap whole = Headtap.Done("train", "--config", config, "--out", folder["a"], "--json");
        Assert.That((bool)whole.Json["complete"]!);
        Headtap.Done("generate", "--model", folder["a"], "--text", "the", "--max-new-tokens", "2");

        Headtap stopped = Headtap.RunUntil(new CancellationToken(canceled: true),
            "train", "--config", config, "--out", folder["b"], "--device", "cpu");
        Assert.That(stopped.Code, Is.EqualTo(130), stopped.Error);
        Assert.That(stopped.Out, Does.Contain("the same call goes on"));
        Headtap traced = Headtap.Done("trace", "--model", folder["b"], "--text", "the");
        Assert.That(traced.Error, Does.Contain("training stopped at step 0 of 4")
            .And.Contain("before every text"));
        Headtap.Done("train", "--config", config, "--out", folder["b"]);
        Assert.That(ModelFolder.Hash(folder["b"]), Is.EqualTo(ModelFolder.Hash(folder["a"])));
        Headtap again = Headtap.Done("train", "--config", config, "--out", folder["b"], "--resume", "--json");
        Assert.That(again.Error, Does.Contain("complete already"));
        foreach (string field in (string[])["complete", "step", "tokens", "loss"])
            Assert.That(again.Json[field]!.ToJsonString(), Is.EqualTo(whole.Json[field]!.ToJsonString()));
        Headtap.Done("train", "--config", config, "--out", folder["c"], "--seed", "2", "--resume");
        Assert.That(ModelFolder.Hash(folder["c"]), Is.Not.EqualTo(ModelFolder.Hash(folder["a"])));
    }

    [Test]
    public void Mistakes_leave_no_folder()
    {
        using var folder = new TemporaryFolder();
        string config = Prepare(folder), wrong =
            folder.Write("wrong.json", Config.Replace("steps", "stops", StringComparison.Ordinal));
        Assert.That(Headtap.Refused("train", "--config", folder["no.json"], "--out", folder["a"]),
            Does.Contain("no such file"));
        Assert.That(Headtap.Refused("train", "--config", wrong, "--out", folder["a"]), Does.Contain("stops"));
        Assert.That(Headtap.Refused("train", "--config", config, "--out", config),
            Does.Contain("cannot be written"));
        Assert.That(folder.Entries(), Is.EqualTo((string[])["text.txt", "train.json", "wrong.json"]));
    }

    [Test]
    public void It_is_looked_at_while_it_runs_and_texts_follow_the_rules_of_all_verbs()
    {
        using var folder = new TemporaryFolder();
        string rows = folder.Write("rows.jsonl", string.Concat(Enumerable.Repeat(
            "{\"body\": \"the city <|endoftext|> is \\u001b[2J a city\"}\n", 12)));
        string config = folder.Write("train.json", Config.Replace("text.txt", rows, StringComparison.Ordinal)
            .Replace("\"seed\": 1", "\"seed\": 1, \"evaluate_every\": 3, \"validation\": {\"share\": 0.2}, "
                + "\"samples\": {\"prompts\": [\"the\"], \"max_new_tokens\": 4}", StringComparison.Ordinal));
        Headtap run = Headtap.Done("train", "--config", config, "--out", folder["a"], "--fields", "body");
        Assert.That(run.Error, Does.Contain("--special makes it").And.Contain("step 3 of 4: validation loss ")
            .And.Contain("step 4 of 4: the | ").And.Not.Contain("\x1b"));
        Assert.That(File.ReadAllText(Path.Combine(folder["a"], "loss.svg")), Does.StartWith("<svg")
            .And.Contain(">validation<"));
        Headtap special = Headtap.Done("train", "--config", config, "--out", folder["b"], "--fields", "body",
            "--special");
        Assert.That(special.Error, Does.Not.Contain("spells the special token"));
        Assert.That(ModelFolder.Hash(folder["b"]), Is.Not.EqualTo(ModelFolder.Hash(folder["a"])));
        Assert.That(Headtap.Refused("train", "--config", config, "--out", folder["a"], "--fields", "body",
            "--special", "--device", "cpu"),
            Does.Contain("texts.special is false in its run.json and true here"));
        Assert.That(Headtap.Refused("train", "--config", config, "--out", folder["c"], "--fields", "body",
            "--bos-token", "no", "--device", "cpu"), Does.Contain("--bos-token is \"no\""));
        Assert.That(Headtap.Refused("train", "--config", config, "--out", folder["c"], "--device", "cpu"),
            Does.Contain("has no \"text\"").And.Contain("--fields"));
        Assert.That(Directory.Exists(folder["c"]), Is.False);
    }

    [Test]
    public void Without_a_seed_the_configs_holds()
    {
        using var folder = new TemporaryFolder();
        string config = Prepare(folder);
        string Trained(string name, params string[] more)
        {
            Headtap.Done(["train", "--config", config, "--out", folder[name], .. more]);
            return ModelFolder.Hash(folder[name]);
        }
        string plain = Trained("a");
        Assert.That(Trained("b", "--seed", "1"), Is.EqualTo(plain), "the config has seed 1");
        Assert.That(Trained("c", "--seed", "0"), Is.Not.EqualTo(plain));
    }

    [Test]
    public void A_checkpoint_cut_short_is_refused()
    {
        using var folder = new TemporaryFolder();
        string config = Prepare(folder);
        Headtap.RunUntil(new CancellationToken(canceled: true), "train", "--config",
            config, "--out", folder["b"],
            "--device", "cpu");
        string checkpoint = Path.Combine(folder["b"], TrainingRun.CheckpointFile);
        byte[] bytes = File.ReadAllBytes(checkpoint);
        File.WriteAllBytes(checkpoint, bytes[..(bytes.Length / 2)]);
        string[] before = folder.Entries();
        Headtap.Refused("train", "--config", config, "--out", folder["b"], "--resume",
            "--device", "cpu", "--quiet");
        Assert.That(folder.Entries(), Is.EqualTo(before));
    }

    [Test]
    public void Rows_longer_than_the_context_name_the_config()
    {
        using var folder = new TemporaryFolder();
        string config = Prepare(folder), own = folder.Write("own.json", File.ReadAllText(config).Replace(
            "\"tokens_per_row\": 8", "\"tokens_per_row\": 9", StringComparison.Ordinal));
        Assert.That(Headtap.Refused("train", "--config", own, "--out", folder["a"]),
            Is.EqualTo($"headtap: {own}: tokens_per_row is 9; the model's context is 8.\n"));
        string model = TinyModel.Folder.Replace("\\", "\\\\", StringComparison.Ordinal), from = folder.Write(
            "from.json", $$"""
            { "model": { "from": "{{model}}" }, "data": { "atlas": { "seed": 1 } }, "rows": "packed",
              "tokens_per_row": 25, "batch_rows": 2, "steps": 1, "seed": 1 }
            """);
        Assert.That(Headtap.Refused("train", "--config", from, "--out", folder["a"]),
            Is.EqualTo($"headtap: {from}: tokens_per_row is 25; the model's context is 24.\n"));
        Assert.That(Directory.Exists(folder["a"]), Is.False);
    }

    [Test]
    public void A_context_shorter_than_the_atlas_questions_leaves_them_out()
    {
        using var folder = new TemporaryFolder();
        string model = TinyModel.Folder.Replace("\\", "\\\\", StringComparison.Ordinal);
        string config = folder.Write("from.json", $$"""
            { "model": { "from": "{{model}}" }, "data": { "atlas": { "seed": 1 } }, "rows": "packed",
              "tokens_per_row": 24, "batch_rows": 2, "steps": 1, "seed": 1 }
            """);
        Headtap run = Headtap.Done("train", "--config", config, "--out", folder["a"], "--json");
        Assert.That(run.Error,
            Does.Contain("the atlas's questions were not asked").And.Contain("context is 24"));
        Assert.That((bool)run.Json["complete"]!, Is.True);
        Assert.That(ModelFolder.ReadConfig(folder["a"]).ContextLength, Is.EqualTo(24));
    }

    static string Prepare(TemporaryFolder folder)
    {
        string text = folder.Write("text.txt",
            string.Concat(Enumerable.Repeat("the capital of the city is a city ", 20)));
        return folder.Write("train.json", Config.Replace("text.txt", text, StringComparison.Ordinal));
    }
}
