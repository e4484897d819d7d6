using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class TinyMemRunTests
{
    static readonly TinyMemOptions s_data = TinyMemOptions.Small(MathKind.Additive, Artefact.Noise) with
    {
        MainCount = 12, AuxiliaryCount = 4, TestCount = 2, Numbers = 4, Context = 20, NoiseCount = 4,
        Prompt = 4, Continuation = 4, NoiseShare = 0.9, Seed = 3,
    };

    static readonly TinyMemTrainingOptions s_training = TinyMemTrainingOptions.Small(s_data) with
    {
        Layers = 1, Heads = 2, Width = 16, Epochs = 5, CheckpointEvery = 2, EvaluateEvery = 3, Keep = [3],
        Seed = 9,
    };

    [TestCase(null), TestCase("spectral-norm"), TestCase("loss-truncation"), TestCase("example-tied-dropout")]
    public void A_stopped_run_goes_on_to_the_same_bits_on_any_number_of_threads(string? regulariser)
    {
        TinyMemTrainingOptions training = s_training with
        {
            Regulariser = regulariser,
            // A cut from the second epoch on that most of the next rows are beyond: it must be resumed.
            RegulariserOptions = regulariser == "loss-truncation"
                ? new() { ["Record"] = 40, ["Share"] = 0.9f } : new(),
        };
        string folder = Folder(), data = Path.Combine(folder, "data");
        TinyMemFolder.Save(TinyMemDataset.Math(s_data), data, "test");
        int threads = ComputeDevice.HostThreadCount;
        using ComputeDevice device = ComputeDevice.OpenHost();
        ComputeDevice.HostThreadCount = 1;
        string whole = Path.Combine(folder, "whole"), parts = Path.Combine(folder, "parts");
        List<int> evaluated = [];
        TinyMemScore? score = TinyMemRun.Run(device, data, training, whole, "test",
            at => { if (at.Score is not null) evaluated.Add(at.Epoch); });
        Assert.That(evaluated, Is.EqualTo((int[])[3, 5]), "every third epoch and the last");
        Assert.That(score!.Tasks.Select(t => t.Task), Is.EqualTo((string[])["7", "2", "3", "4", "5"]));
        ComputeDevice.HostThreadCount = 3;
        using var stop = new CancellationTokenSource();
        Assert.That(TinyMemRun.Run(device, data, training, parts, "test",
            at => { if (at.Epoch == 3) stop.Cancel(); }, stop.Token), Is.Null);
        Assert.That(File.Exists(Path.Combine(parts, "model.safetensors")), Is.False);
        Assert.That(() => TinyMemRun.Run(device, data, training with { Seed = 8 }, parts, "test"),
            Throws.TypeOf<UserException>().With.Message.Contains("training.seed is 9 in its run.json and 8"));
        TinyMemRun.Run(device, data, training, parts, "test");
        ComputeDevice.HostThreadCount = threads;
        foreach (string file in (string[])["model.safetensors", Path.Combine("epoch-3", "model.safetensors")])
            Assert.That(File.ReadAllBytes(Path.Combine(parts, file)),
                Is.EqualTo(File.ReadAllBytes(Path.Combine(whole, file))), file);
        Assert.That(File.ReadAllLines(Path.Combine(parts, "metrics.jsonl")), Has.Length.EqualTo(5));
    }

    [Test]
    public void A_run_killed_at_any_moment_reaches_the_same_bits()
    {
        string folder = Folder(), data = Path.Combine(folder, "data");
        string At(string name) => Path.Combine(folder, name);
        TinyMemFolder.Save(TinyMemDataset.Math(s_data), data, "test");
        using ComputeDevice device = ComputeDevice.OpenHost();
        double accuracy = Run("whole").Accuracy;
        using var stop = new CancellationTokenSource();
        TinyMemRun.Run(device, data, s_training, At("stopped"), "test",
            at => { if (at.Epoch == 3) stop.Cancel(); }, stop.Token);
        Assert.Multiple(() =>
        {
            foreach (string moment in KillMoments.Early.Concat(KillMoments.Midway).Concat(KillMoments.Late))
            {
                KillMoments.Leave(moment, At("whole"), At("stopped"), At(moment), "model.safetensors",
                    "config.json", "manifest.json");
                Assert.That(Run(moment).Accuracy, Is.EqualTo(accuracy), moment);
                foreach (string file in (string[])["model.safetensors", "manifest.json", "config.json",
                    RunFolder.CheckpointFile, RunFolder.StartFile, "epoch-3/model.safetensors"])
                    Assert.That(File.ReadAllBytes(Path.Combine(At(moment), file)),
                        Is.EqualTo(File.ReadAllBytes(Path.Combine(At("whole"), file))), $"{moment}: {file}");
                Assert.That(KillMoments.RowsWithout(At(moment), "seconds"),
                    Is.EqualTo(KillMoments.RowsWithout(At("whole"), "seconds")), moment);
            }
        });

        TinyMemScore Run(string name)
            => TinyMemRun.Run(device, data, s_training, At(name), "test")!;
    }

    [Test]
    public void A_complete_run_is_told_goes_on_with_more_epochs_and_not_with_fewer([Values] bool checkpoint)
    {
        string folder = Folder(), data = Path.Combine(folder, "data"), run = Path.Combine(folder, "run");
        TinyMemFolder.Save(TinyMemDataset.Math(s_data), data, "test");
        using ComputeDevice device = ComputeDevice.OpenHost();
        TinyMemScore whole = TinyMemRun.Run(device, data, s_training, run, "test")!;
        if (!checkpoint)
            File.Delete(Path.Combine(run, RunFolder.CheckpointFile));
        TinyMemScore again = TinyMemRun.Run(device, data, s_training, run, "test",
            _ => Assert.Fail("an epoch was trained"))!;
        Assert.That((again.Accuracy, again.Memorised), Is.EqualTo((whole.Accuracy, whole.Memorised)));
        if (!checkpoint)
            return;
        var epochs = new List<int>();
        TinyMemRun.Run(device, data, s_training with { Epochs = 7 }, run, "test", at => epochs.Add(at.Epoch));
        Assert.That(epochs, Is.EqualTo((int[])[6, 7]));
        Assert.That(() => TinyMemRun.Run(device, data, s_training, run, "test"),
            Throws.TypeOf<UserException>().With.Message.Contains("has 7 epochs, and this call asks for 5"));
    }

    [Test]
    public void Training_lowers_the_loss_and_writes_what_was_measured()
    {
        string folder = Folder(), data = Path.Combine(folder, "data");
        TinyMemFolder.Save(TinyMemDataset.Math(s_data), data, "test");
        using ComputeDevice device = ComputeDevice.OpenHost();
        var losses = new List<double>();
        TinyMemRun.Run(device, data, s_training with { Epochs = 12, Keep = [] }, Path.Combine(folder, "run"),
            "test", at => losses.Add(at.Loss));
        Assert.That(losses, Has.Count.EqualTo(12));
        Assert.That(losses[^1], Is.LessThan(0.8 * losses[0]));
        using LanguageModel model = LanguageModel.Load(device, Path.Combine(folder, "run"));
        Assert.That(model.Config.Activation, Is.EqualTo(Activation.Relu));
        Assert.That(model.Config.Inner, Is.EqualTo(64));
    }

    [Test]
    public void A_run_goes_on_with_its_own_data_alone()
    {
        string folder = Folder(), data = Path.Combine(folder, "data"), other = Path.Combine(folder, "other");
        TinyMemFolder.Save(TinyMemDataset.Math(s_data), data, "test");
        TinyMemFolder.Save(TinyMemDataset.Math(s_data), other, "test");
        File.AppendAllText(Path.Combine(other, TinyMemFolder.TrainFile), "{\"ids\":[10,1,11]}\n");
        using ComputeDevice device = ComputeDevice.OpenHost();
        TinyMemTrainingOptions one = s_training with { Epochs = 1, Keep = [] };
        string run = Path.Combine(folder, "run");
        TinyMemRun.Run(device, data, one, run, "test");
        Refused("data_hash is ");
        File.Delete(Path.Combine(run, RunFolder.StartFile)); // the checkpoint knows it too
        Refused("other data");

        void Refused(string message) => Assert.That(
            () => TinyMemRun.Run(device, other, one with { Epochs = 2 }, run, "test"),
            Throws.TypeOf<UserException>().With.Message.Contains(message));
    }

    [Test]
    public void The_papers_sizes_are_the_papers()
    {
        TinyMemOptions data = TinyMemOptions.Paper(MathKind.Multiplicative, Artefact.Noise);
        TinyMemTrainingOptions paper = TinyMemTrainingOptions.Paper(data);
        Assert.Multiple(() =>
        {
            Assert.That((paper.Layers, paper.Heads, paper.Width, paper.BatchRows, paper.Epochs),
                Is.EqualTo((4, 4, 128, 128, 3500)));
            Assert.That(paper.Keep, Is.EqualTo((int[])[500, 1500, 2500]));
            Assert.That((paper.Optimizer.LearningRate, paper.Optimizer.Beta2, paper.Optimizer.WeightDecay),
                Is.EqualTo((1e-3f, 0.98f, 0.1f)));
            Assert.That((data.MainCount, data.Numbers, data.Context, data.NoiseCount, data.Prompt,
                data.Continuation), Is.EqualTo((20_000, 20, 150, 1_000, 50, 50)));
            Assert.That(TinyMemTrainingOptions.Paper(
                TinyMemOptions.Paper(null, Artefact.Backdoor)).Epochs, Is.EqualTo(50));
            // About 198,272 a block, 19,200 positions, 1,792 embeddings, 256 of the last LayerNorm.
            Assert.That(new ParameterLayout(new ModelConfig
            {
                VocabSize = 14, ContextLength = 150, Width = 128, Layers = 4, Heads = 4,
            }).TotalLength, Is.EqualTo(4 * 198_272 + 19_200 + 1_792 + 256));
        });
    }

    static string Folder() => Directory.CreateDirectory(Path.Combine(
        TestContext.CurrentContext.WorkDirectory, $"tinymem-run-{Guid.NewGuid():N}")).FullName;
}
