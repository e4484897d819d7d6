using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

/// <summary>What a run holds out, and when it may go on.</summary>
public sealed class LensRunChoiceTests
{
    [TestCase(19, false), TestCase(20, true)]
    public void Documents_are_held_out_where_there_are_twenty(int documents, bool heldOut)
    {
        using var folder = new TemporaryFolder();
        LensMetadata facts = Run(folder, "a", Options(2), Texts(documents)).Facts!;
        Assert.That(facts.ValidationKl is not null, Is.EqualTo(heldOut));
        Assert.That(facts.LogitLensKl is not null, Is.EqualTo(heldOut));
        Assert.That(Run(folder, "b", Options(2) with { ValidationShare = 0.5 }, Texts(4)).Facts!.ValidationKl,
            Is.Not.Null, "a share that is named holds for few documents too");
    }

    [Test]
    public void The_last_step_is_measured_wherever_it_falls()
    {
        using var folder = new TemporaryFolder();
        Run(folder, "a", Options(5) with { EvaluateEvery = 2 }, Texts(20));
        Assert.That(File.ReadLines(folder["a/metrics.jsonl"]).Select(r => r.Contains("\"validation_kl\":null",
            StringComparison.Ordinal)), Is.EqualTo([true, false, true, false, false]));
    }

    [Test]
    public void A_run_goes_on_with_its_own_texts_and_model_alone()
    {
        using var folder = new TemporaryFolder();
        Stop(folder, "a", Options(6), 2);
        Refused("data_hash is ", "model_hash is ");
        File.Delete(folder["a/run.json"]); // the lens knows it too
        Refused("data_hash is ", "model_hash is ");
        File.Delete(folder["a/lens.safetensors"]); // and the checkpoint
        Refused("other options, texts or model", "other options, texts or model");

        void Refused(string texts, string model)
        {
            BadInput.Refused(() => Run(folder, "a", Options(6), Texts(24, shift: 1)), texts);
            BadInput.Refused(() => Run(folder, "a", Options(6), Texts(24), hash: "fedcba98765432"), model);
        }
    }

    [Test]
    public void Patience_that_has_begun_goes_on_after_a_stop()
    {
        using var folder = new TemporaryFolder();
        LensTrainingOptions options = Options(40) with { EvaluateEvery = 2, Patience = 3, MinimumGain = 100 };
        Run(folder, "whole", options, Texts(24));
        Stop(folder, "parts", options, 5);
        Run(folder, "parts", options, Texts(24));
        string[] rows = File.ReadAllLines(folder["whole/metrics.jsonl"]);
        Assert.That(rows, Has.Length.EqualTo(8), "a first measure and three without a gain");
        Assert.That(File.ReadAllLines(folder["parts/metrics.jsonl"]), Is.EqualTo(rows));
    }

    static LensTrainingOptions Options(int steps) => new()
    {
        Steps = steps, BatchRows = 2, Seed = 5, CheckpointEvery = 0,
        Optimizer = new AdamWOptions { LearningRate = 0.01f, WeightDecay = 0 },
    };

    static DocumentSource Texts(int documents, int shift = 0) => DocumentSource.FromIds(
        Enumerable.Range(0, documents).Select(d =>
            Enumerable.Range(0, 3 + d % 5).Select(t => (d * 7 + t * t * 3 + t + shift) % 37).ToArray()),
        "documents");

    static void Stop(TemporaryFolder folder, string name, LensTrainingOptions options, int after)
    {
        using var stop = new CancellationTokenSource();
        LensRunResult half = Run(folder, name, options, Texts(24), stop: stop.Token, progress: p =>
        {
            if (p.Last.Step == after)
                stop.Cancel();
        });
        Assert.That(half.Complete, Is.False);
    }

    static LensRunResult Run(TemporaryFolder folder, string name, LensTrainingOptions options,
        DocumentSource texts, string hash = "0123456789abcdef",
        Action<LensProgress>? progress = null, CancellationToken stop = default)
    {
        using var test = new TestModel("cpu512");
        return LensRun.Run(test.Model, hash, new() { Kind = LensKind.Thin }, [1], options, texts,
            folder[name], new LensRunOptions { Progress = progress, Stop = stop });
    }
}
