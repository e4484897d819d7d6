using System.Text.Json.Nodes;

namespace HeadTap.Cli.Tests;

/// <summary>eval --atlas: the table that train prints at its end.</summary>
public sealed class EvalAtlasTests
{
    // Too small and too short to know anything: what counts is which questions are asked.
    const string Config = """
        {
          "model": { "layers": 1, "width": 4, "heads": 1, "context": 128 },
          "data": { "atlas": { "seed": 2 } },
          "tokenizer": { "train_bpe": { "vocab_size": 300, "minimum_count": 9 } },
          "rows": "packed", "tokens_per_row": 8, "batch_rows": 1, "steps": 1, "seed": 1
        }
        """;

    [Test]
    public void The_table_is_the_one_that_train_prints()
    {
        using var folder = new TemporaryFolder();
        string model = folder["m"], config = folder.Write("train.json", Config);
        JsonNode result = Headtap.Done("train", "--config", config, "--out", model, "--json").Json;
        VerbJsonTests.Same(result, "complete step tokens loss seconds atlas",
            ModelJobsJson.Default.TrainResult);
        JsonNode trained = result["atlas"]!;
        JsonNode asked = Headtap.Done("eval", "--model", model, "--atlas", "--json").Json;
        VerbJsonTests.Same(asked, "atlas_seed atlas", ModelJobsJson.Default.EvalAtlasResult);
        VerbJsonTests.Same(asked["atlas"]![0]!, "kind target right total",
            ModelJobsJson.Default.AtlasAnswers);
        Assert.That((ulong)asked["atlas_seed"]!, Is.EqualTo(2), "not the corpus of the folder's manifest");
        Assert.That(asked["atlas"]!.ToJsonString(), Is.EqualTo(trained.ToJsonString()));
        Assert.That(asked["atlas"]!.AsArray().Select(s => (string?)s!["kind"]).Distinct(),
            Has.Exactly(4).Items);

        string resumed = Headtap.Done("train", "--config", config, "--out", model, "--resume").Out;
        string table = Headtap.Done("eval", "--model", model, "--atlas").Out;
        Assert.That(table, Does.StartWith("questions "));
        Assert.That(resumed, Does.EndWith(table));

        JsonNode other = Headtap.Done("eval", "--model", model, "--atlas",
            "--atlas-seed", "1", "--json").Json;
        Assert.That((ulong)other["atlas_seed"]!, Is.EqualTo(1));
        Assert.That(other["atlas"]!.ToJsonString(), Is.Not.EqualTo(trained.ToJsonString()));
    }

    [TestCase("expected one of the two")]
    [TestCase("expected one of the two", "--atlas", "--text-file", "{t}")]
    [TestCase("--context says nothing with --atlas", "--atlas", "--context", "5")]
    [TestCase("--stride says nothing with --atlas", "--atlas", "--stride", "5")]
    [TestCase("--bos says nothing with --atlas", "--atlas", "--bos")]
    [TestCase("--atlas-seed says nothing without --atlas", "--text-file", "{t}", "--atlas-seed", "1")]
    [TestCase("--atlas-seed is \"one\"; expected a whole number from 0", "--atlas", "--atlas-seed", "one")]
    public void Options_that_do_not_belong_together_are_refused(string reason, params string[] options)
    {
        using var folder = new TemporaryFolder();
        string text = folder.Write("t.txt", "the city of the north");
        Assert.That(Headtap.Refused(["eval", "--model", TinyModel.Folder,
            .. options.Select(o => o.Replace("{t}", text, StringComparison.Ordinal))]), Does.Contain(reason));
    }

    [Test]
    public void Models_that_cannot_be_asked_are_refused()
    {
        Assert.That(Headtap.Refused("eval", "--model", TinyModel.Folder, "--atlas", "--device", "cpu"),
            Does.Contain("context"));
        Assert.That(Headtap.Refused("eval", "--model", TinyModel.BareFolder, "--atlas"),
            Does.Contain("vocab.json"));
        Assert.That(Headtap.Refused("eval", "--model", "nowhere", "--atlas"), Does.Contain("no such folder"));
    }

    [Test]
    public void An_interrupted_round_of_questions_ends_with_130()
    {
        Headtap run = Headtap.RunUntil(new CancellationToken(canceled: true), "eval",
            "--model", TinyModel.Folder,
            "--atlas", "--device", "cpu");
        Assert.That((run.Code, run.Out), Is.EqualTo((130, "")));
    }
}
