using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>A training that was stopped: what its folder is, what may change when it goes on.</summary>
public sealed class UnfinishedTrainingTests : IDisposable
{
    readonly TemporaryFolder _folder = new();
    readonly ComputeDevice _device = ComputeDevice.OpenHost();

    public void Dispose()
    {
        _device.Dispose();
        _folder.Dispose();
    }

    [Test]
    public void It_loads_with_the_weights_of_its_last_checkpoint_and_says_so()
    {
        float[] last = [];
        Trainer? running = null;
        Run("stopped", Config(), stopAt: 2, started: trainer => running = trainer,
            progress: _ => last = running!.Model.Set["wte.weight"].ToArray());
        Assert.That(File.Exists(At("stopped", "model.safetensors")), Is.False, "nothing is written twice");
        using LanguageModel model = LanguageModel.Load(_device, At("stopped"));
        Assert.That(model.Set["wte.weight"].ToArray(), Is.EqualTo(last));
        Assert.That(ByteBpeTokenizer.Load(At("stopped")).EndOfText, Is.EqualTo(model.Config.BosToken));
        Assert.That(ModelFolder.Remarks(At("stopped")).Single(), Does.Contain("stopped at step 2 of 4"));
        string before = ModelFolder.Hash(At("stopped"));

        Run("stopped", Config());
        Assert.That(ModelFolder.Remarks(At("stopped")), Is.Empty);
        Assert.That(ModelFolder.Hash(At("stopped")), Is.Not.EqualTo(before));
    }

    [TestCase("checkpoint.safetensors"), TestCase("checkpoint.safetensors,config.json")]
    public void Before_its_first_checkpoint_one_line_says_how_to_go_on(string missing)
    {
        string folder = $"early{missing.Length}";
        Run(folder, Config(), stopAt: 1);
        foreach (string file in missing.Split(','))
            File.Delete(At(folder, file));
        Assert.That(Refused(() => LanguageModel.Load(_device, At(folder)).Dispose()),
            Does.Contain("stopped before its first checkpoint")
                .And.Contain("run the same train command again"));
    }

    [Test]
    public void A_constant_learning_rate_lets_the_run_grow_and_a_falling_one_does_not()
    {
        var constant = new LearningRateSchedule { Kind = ScheduleKind.Constant, WarmupSteps = 1 };
        TrainingConfig longer = Config() with { Schedule = constant };
        Run("long", longer);
        Run("grown", longer with { Steps = 2 });
        Assert.That(ModelFolder.Remarks(At("grown")), Is.Empty, "it is complete");
        Run("grown", longer, stopAt: 3);
        Assert.That(File.Exists(At("grown", "manifest.json")), Is.False, "it is not complete any more");
        Assert.That(ModelFolder.Remarks(At("grown")).Single(), Does.Contain("step 3 of 4"));
        Assert.That(Refused(() => Run("grown", longer with { Steps = 2 })),
            Does.Contain("3 steps are done and this call has 2"));
        Run("grown", longer);
        foreach (string file in (string[])["model.safetensors", "checkpoint.safetensors", "run.json"])
            Assert.That(File.ReadAllBytes(At("grown", file)), Is.EqualTo(File.ReadAllBytes(At("long", file))),
                file);
        File.Delete(At("grown", "checkpoint.safetensors"));
        Assert.That(Refused(() => Run("grown", longer with { Steps = 9 })), Does.Contain("to go on from"));

        Run("falling", Config(), stopAt: 2);
        Assert.That(Refused(() => Run("falling", Config() with { Steps = 9, Clip = 2, Seed = 7 })),
            Does.Contain("steps is 4 in its run.json and 9 here (the learning rates").And
                .Contain("; clip is 0.5 in its run.json and 2 here; seed is 1 in its run.json and 7 here; "));
    }

    [Test]
    public void Looking_at_it_while_it_runs_does_not_change_its_bits_and_may_change()
    {
        string held = _folder.Write("held.txt", "The dog sees the cat.");
        TrainingConfig looked = Config() with
        {
            EvaluateEvery = 1, CheckpointEvery = 1,
            Validation = new TrainingValidation { Files = [held] },
            Samples = new TrainingSamples { Prompts = ["The dog", ""], MaxNewTokens = 5 },
        };
        Run("plain", Config());
        Run("looked", looked, stopAt: 2);
        Run("looked", looked with { EvaluateEvery = 2, Samples = looked.Samples with { Seed = 3 } });
        Run("other", Config(), stopAt: 2);
        Run("other", looked);
        foreach (string folder in (string[])["looked", "other"])
            Assert.That(File.ReadAllBytes(At(folder, "model.safetensors")),
                Is.EqualTo(File.ReadAllBytes(At("plain", "model.safetensors"))), folder);
        TrainingRow[] rows = [.. TrainingRow.Read(At("looked", "metrics.jsonl"))];
        Assert.That(rows.Select(r => r.ValidationLoss is not null),
            Is.EqualTo((bool[])[true, true, false, true]));
        Assert.That(rows.Select(r => r.Samples?.Count), Is.EqualTo((int?[])[2, 2, null, 2]));
        Assert.That(rows[0].Samples![0].Prompt, Is.EqualTo("The dog"));
        Assert.That(TrainingRow.Read(At("other", "metrics.jsonl")).Select(r => r.Samples is not null),
            Is.EqualTo((bool[])[false, false, true, true]));
    }

    [Test]
    public void What_cannot_be_looked_at_is_refused_before_anything_is_written()
    {
        var samples = new TrainingSamples { Prompts = ["The", "The dog and the cat"], MaxNewTokens = 22 };
        Assert.That(Refused(() => Run("none", Config() with { Samples = samples })),
            Does.Contain("prompts[1] has ").And.Contain("the context of 24 together"));
        string empty = _folder.Write("empty.txt", "");
        Assert.That(Refused(() => Run("none", Config() with
        {
            Validation = new TrainingValidation { Files = [empty] },
        })), Does.Contain("empty.txt"));
        Assert.That(Directory.Exists(At("none")), Is.False);
    }

    [Test]
    public void The_manifest_and_the_start_record_say_what_stood_before_the_texts()
    {
        TrainingConfig rows = Config() with { Rows = TokenRows.PerDocument, Steps = 2 };
        Run("without", rows with { Texts = new TrainingTextRules { Bos = false } });
        Run("named", rows with { Texts = new TrainingTextRules { BosToken = "%", Lines = true } }, stopAt: 1);
        Assert.That(Begin("without"), Is.EqualTo((false, ByteBpeTokenizer.Load(At("without")).EndOfText)));
        Assert.That(Begin("named"), Is.EqualTo((true, ByteBpeTokenizer.Load(At("named")).IdOf("%"))));
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(At("without", "manifest.json")));
        JsonElement resolved = manifest.RootElement.GetProperty("options").GetProperty("resolved");
        Assert.That(resolved.GetProperty("bos").GetBoolean(), Is.False);
        Assert.That(ModelFolder.ReadConfig(At("named")).BosToken, Is.EqualTo(Begin("named").Item2));

        (bool, int?) Begin(string folder)
        {
            BeginOfText begin = BeginOfText.Of(At(folder), ModelFolder.ReadConfig(At(folder)),
                ByteBpeTokenizer.Load(At(folder)));
            return (begin.IsExpected, begin.Token);
        }
    }

    TrainingConfig Config()
    {
        if (!File.Exists(At("text.txt")))
            File.WriteAllText(At("text.txt"), string.Join("<|endoftext|>\n", Enumerable.Range(0, 40)
                .Select(i => $"The {i % 7}th dog sees {i % 3} cats and the cat sees the {i % 5}th dog.")));
        return TrainingKillTests.Small(At("text.txt")) with
        {
            Steps = 4, Accumulation = 1, CheckpointEvery = 0, Clip = 0.5f, Validation = null,
        };
    }

    void Run(string folder, TrainingConfig config, int stopAt = 0, Action<Trainer>? started = null,
        Action<TrainingProgress>? progress = null)
    {
        using var stop = new CancellationTokenSource();
        TrainingRun.Run(_device, config, At(folder), new TrainingRunOptions
        {
            Stop = stop.Token,
            Started = started,
            Progress = at =>
            {
                progress?.Invoke(at);
                if (at.Last.Step == stopAt)
                    stop.Cancel();
            },
        });
    }

    string At(params string[] parts) => Path.Combine([_folder.Path, .. parts]);

    static string Refused(TestDelegate run)
    {
        string line = Assert.Throws<UserException>(run)!.Message;
        Assert.That(line, Does.Not.Contain("\n"));
        return line;
    }
}
