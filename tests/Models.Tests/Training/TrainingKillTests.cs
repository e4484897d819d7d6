using System.Diagnostics;
using HeadTap.Kernels;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class TrainingKillTests
{
    // The killed process runs at the processor's width. Tests before this one may have left another: where
    // the best is 256 bits, a width of 512 has other bits.
    [SetUp]
    public void RunAtTheBestWidth() => HostSimd.Width = HostSimd.BestWidth;

    [Test]
    public void A_run_whose_process_is_killed_three_times_reaches_the_same_bits()
    {
        string folder = Directory.CreateTempSubdirectory("headtap-kill-").FullName;
        try
        {
            string text = Path.Combine(folder, "text.txt"), config = Path.Combine(folder, "train.json");
            File.WriteAllText(text, string.Join("<|endoftext|>", Enumerable.Range(0, 60).Select(i =>
                $"Number {i} comes after number {i - 1}, and {i * i} is its square.")));
            TrainingConfig small = Small(text) with { Steps = 150, CheckpointEvery = 8 };
            File.WriteAllText(config, small.ToJson().ToJsonString());
            string whole = Path.Combine(folder, "whole"), killed = Path.Combine(folder, "killed");
            using (ComputeDevice device = ComputeDevice.OpenHost())
                TrainingRun.Run(device, small, whole);

            KillAfter(3, config, killed, () => Assert.That(File.Exists(
                Path.Combine(killed, TrainingRun.CheckpointFile)), Is.False, "no checkpoint is there yet"));
            KillAfter(30, config, killed, () => Assert.That(() =>
            {
                using ComputeDevice device = ComputeDevice.OpenHost();
                TrainingRun.Run(device, small, killed);
            }, Throws.TypeOf<UserException>().With.Message.Contains("another process works in it")));
            KillAfter(75, config, killed);
            Assert.That(ModelFolder.Remarks(killed).Single(), Does.Match("stopped at step \\d+ of 150"));
            using (ComputeDevice device = ComputeDevice.OpenHost())
            {
                LanguageModel.Load(device, killed).Dispose();
                TrainingRun.Run(device, small, killed);
            }

            foreach (string file in (string[])["model.safetensors",
                TrainingRun.CheckpointFile, "manifest.json", RunFolder.StartFile])
                Assert.That(File.ReadAllBytes(Path.Combine(killed, file)),
                    Is.EqualTo(File.ReadAllBytes(Path.Combine(whole, file))), file);
            Assert.That(Losses(killed), Is.EqualTo(Losses(whole)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A run of 12 steps on a text file.</summary>
    internal static TrainingConfig Small(string text) => new()
    {
        Model = new TrainingModel
        {
            Sizes = new ModelConfig
            {
                VocabSize = 1, ContextLength = 24, Width = 24, Layers = 2, Heads = 3,
                ResidualDropout = 0, EmbeddingDropout = 0, AttentionDropout = 0,
            },
        },
        Data = new TrainingData { Files = [text] },
        Tokenizer = new TrainingTokenizer { VocabSize = 290 },
        Rows = TokenRows.Shuffled,
        BatchRows = 4,
        Accumulation = 2,
        Steps = 12,
        Optimizer = new AdamWOptions { LearningRate = 1e-2f },
        CheckpointEvery = 3,
        EvaluateEvery = 5,
        Validation = new TrainingValidation { Share = 0.1f },
    };

    /// <summary>Every number of the metrics but the speed.</summary>
    internal static string[] Losses(string folder) => KillMoments.RowsWithout(folder, "tokens_per_second");

    static void KillAfter(int step, string config, string folder, Action? before = null)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        foreach (string argument in (string[])["exec",
            typeof(TrainingVictim).Assembly.Location, config, folder])
            start.ArgumentList.Add(argument);
        using Process victim = Process.Start(start)!;
        while (victim.StandardOutput.ReadLine() is { } line && int.Parse(line) < step)
        {
        }
        before?.Invoke();
        victim.Kill(); // SIGKILL: nothing of the process's own runs after it
        victim.WaitForExit();
        Assert.That(victim.ExitCode, Is.Not.Zero);
    }
}
