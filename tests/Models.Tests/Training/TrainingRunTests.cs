using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class TrainingRunTests
{
    string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("headtap-train-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_run_leaves_a_model_that_loads_and_knows_its_text()
    {
        TrainingResult result = Run("a", Config());
        Assert.That(result.Complete, Is.True);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(At("a"));
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, At("a"));
        Assert.That(model.Config.EosToken, Is.EqualTo(tokenizer.EndOfText));
        JsonElement[] rows = [.. File.ReadLines(At("a", TrainingRun.MetricsFile))
            .Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.That(rows.Select(r => r.GetProperty("step").GetInt32()), Is.EqualTo(Enumerable.Range(1, 12)));
        Assert.That(rows[^1].GetProperty("loss").GetDouble(),
            Is.LessThan(0.7 * rows[0].GetProperty("loss").GetDouble()));
        Assert.That(rows.Where(r => r.GetProperty("validation_loss").ValueKind == JsonValueKind.Number)
            .Select(r => r.GetProperty("step").GetInt32()), Is.EqualTo(new[] { 5, 10, 12 }));
        Manifest manifest = Manifest.Read(At("a", "manifest.json"));
        Assert.That((manifest.Seed, manifest.ModelHash), Is.EqualTo(((ulong?)1, ModelFolder.Hash(At("a")))));
        Assert.That(TrainingConfig.Read(At("a", "train.json")).Hash(), Is.EqualTo(Config().Hash()));
    }

    [Test]
    public void Stopped_and_resumed_it_reaches_the_same_bits([Values(1, 5, 11)] int stopAfter)
    {
        Run("whole", Config());
        using var stop = new CancellationTokenSource();
        TrainingResult half = Run("parts", Config(), new TrainingRunOptions
        {
            Stop = stop.Token, Progress = p => { if (p.Last.Step == stopAfter) stop.Cancel(); },
        });
        Assert.That((half.Complete, half.Step), Is.EqualTo((false, stopAfter)));
        // Rows after the checkpoint, from a run that was killed later, are written again and not twice.
        File.AppendAllText(At("parts", TrainingRun.MetricsFile), "{\"step\": 99}\n{\"st");
        Assert.That(Run("parts", Config()).Complete, Is.True);
        AssertSame("whole", "parts");
    }

    [Test]
    public void A_model_folder_can_be_trained_further_with_its_own_tokenizer()
    {
        Run("first", Config());
        TrainingConfig more = Config() with
        {
            Model = new TrainingModel { From = At("first") }, Tokenizer = null, Steps = 3,
            Optimizer = new SgdOptions { LearningRate = 0.1f, Momentum = 0.9f }, Train = ["h.1.*"],
        };
        // A fresh model begins at log 290 = 5.7.
        Assert.That(Run("second", more).Loss, Is.LessThan(4.5));
        Assert.That(File.ReadAllBytes(At("second", "merges.txt")),
            Is.EqualTo(File.ReadAllBytes(At("first", "merges.txt"))));
    }

    /// <summary>The same call goes on, whatever moment a kill came at.</summary>
    [Test]
    public void A_run_killed_at_any_moment_reaches_the_same_bits()
    {
        string[] results = ["vocab.json", "merges.txt", "train.json", "model.safetensors", "config.json",
            "manifest.json"];
        TrainingResult whole = Run("whole", Config());
        using var stop = new CancellationTokenSource();
        Run("stopped", Config(), new TrainingRunOptions
        {
            Stop = stop.Token, Progress = p => { if (p.Last.Step == 6) stop.Cancel(); },
        });
        Assert.Multiple(() =>
        {
            foreach (string moment in KillMoments.Early.Concat(KillMoments.Midway).Concat(KillMoments.Late))
            {
                KillMoments.Leave(moment, At("whole"), At("stopped"), At(moment), results);
                TrainingResult again = Run(moment, Config());
                Assert.That(again with { Elapsed = whole.Elapsed }, Is.EqualTo(whole), moment);
                AssertSame("whole", moment);
                Assert.That(Directory.GetFiles(At(moment)).Select(Path.GetFileName).Order(),
                    Is.EqualTo(Directory.GetFiles(At("whole")).Select(Path.GetFileName).Order()), moment);
            }
        });
    }

    [Test]
    public void A_complete_run_is_told_and_not_made_again([Values] bool withCheckpoint)
    {
        TrainingResult whole = Run("a", Config());
        if (!withCheckpoint)
            File.Delete(At("a", TrainingRun.CheckpointFile));
        File.WriteAllText(At("a", "config.json"), "mark");
        TrainingResult again = Run("a", Config(), new TrainingRunOptions
        {
            Progress = _ => Assert.Fail("a step was made"),
        });
        Assert.That(again with { Elapsed = whole.Elapsed }, Is.EqualTo(whole));
        Assert.That(File.ReadAllText(At("a", "config.json")), Is.EqualTo("mark"));
    }

    [Test]
    public void Another_call_is_refused()
    {
        Run("a", Config());
        AssertRefused(() => Run("a", Config() with { Clip = 2 }), "clip is 1 in its run.json and 2 here");
        AssertRefused(() => Run("a", Config() with { Seed = 3 }), "seed is 1 in its run.json and 3 here");
        AssertRefused(() => Run("a", Config() with { Optimizer = new AdamWOptions { LearningRate = 1 } }),
            "optimizer.adamw.learning_rate is 0.01 in its run.json and 1 here");
        Assert.That(Run("a", Config() with { CheckpointEvery = 5 }).Complete, Is.True);
        File.AppendAllText(At("text.txt"), "More.");
        AssertRefused(() => Run("a", Config()), "data_hash is ");
        AssertRefused(() => Run("a", Config()), "text.txt\" or the tokenizer has changed)");
    }

    [Test]
    public void A_glob_that_matches_nothing_is_refused() =>
        AssertRefused(() => Run("a", Config() with { Train = ["x.*"] }), "matches no parameter");

    [Test]
    public void A_row_longer_than_the_context_is_refused() =>
        AssertRefused(() => Run("a", Config() with { TokensPerRow = 25 }), "tokens_per_row is 25");

    [Test]
    public void A_place_that_cannot_be_written_is_refused()
    {
        File.WriteAllText(At("file"), "");
        AssertRefused(() => Run(Path.Combine("file", "a"), Config()), "cannot be written");
    }

    [Test]
    public void A_checkpoint_cut_short_damaged_or_of_another_run_is_refused()
    {
        Run("a", Config());
        File.Delete(At("a", RunFolder.StartFile)); // as an older version leaves it
        string path = At("a", TrainingRun.CheckpointFile);
        byte[] good = File.ReadAllBytes(path);
        var random = new SeededRandom(1);
        for (int i = 0; i < 6; i++)
        {
            File.WriteAllBytes(path, good[..random.Next(good.Length)]);
            Refuse(Config());
        }
        for (int i = 0; i < 12; i++)
        {
            byte[] bad = [.. good];
            bad[random.Next(bad.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, bad);
            Refuse(Config());
        }
        File.Copy(At("a", "model.safetensors"), path, overwrite: true);
        Refuse(Config(), "not a training checkpoint");
        File.WriteAllBytes(path, good);
        Refuse(Config() with { Clip = 2 }, "another config");
        File.AppendAllText(At("text.txt"), "More.");
        Refuse(Config(), "other data");

        void Refuse(TrainingConfig config, string message = "") =>
            AssertRefused(() => Run("a", config), message, "checkpoint");
    }

    internal TrainingConfig Config()
    {
        if (!File.Exists(At("text.txt")))
            File.WriteAllText(At("text.txt"), string.Join("<|endoftext|>", Enumerable.Range(0, 40).Select(i =>
                $"The {i % 7}th dog sees {i % 3} cats and the cat sees the {i % 5}th dog.")));
        return TrainingKillTests.Small(At("text.txt"));
    }

    TrainingResult Run(string folder, TrainingConfig config, TrainingRunOptions? options = null)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        return TrainingRun.Run(device, config, At(folder), options);
    }

    string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    void AssertSame(string one, string other)
    {
        foreach (string file in (string[])["model.safetensors", TrainingRun.CheckpointFile,
            "vocab.json", "manifest.json", RunFolder.StartFile])
            Assert.That(File.ReadAllBytes(At(other, file)),
                Is.EqualTo(File.ReadAllBytes(At(one, file))), file);
        Assert.That(TrainingKillTests.Losses(At(other)), Is.EqualTo(TrainingKillTests.Losses(At(one))));
    }

    static void AssertRefused(TestDelegate run, params string[] words)
    {
        var e = Assert.Throws<UserException>(run);
        foreach (string word in words)
            Assert.That(e!.Message, Does.Contain(word).And.Not.Contain("\n"));
    }
}
