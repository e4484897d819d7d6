using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

/// <summary>Steps of training and what is measured between them.</summary>
public sealed class LensTrainerTests
{
    const string Hash = "0123456789abcdef";

    static readonly int[][] s_documents = [.. Enumerable.Range(0, 12).Select(d =>
        Enumerable.Range(0, 2 + d % 9).Select(t => (d * 7 + t * t * 3 + t) % 37).ToArray())];

    // A step of this rate moves no float32.
    static LensTrainingOptions Still => new()
    {
        Steps = 9, BatchRows = 2, Accumulation = 2, Positions = PositionChoice.Sample(1), Seed = 5,
        Optimizer = new AdamWOptions { LearningRate = 1e-30f, WeightDecay = 0 },
    };

    [Test]
    public void Every_pass_of_a_step_draws_positions_of_its_own()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LensSource source = LensEvaluationTests.Source(test.Model, folder, LensKind.Thin);
        using LensSet lens = source.Load(test.Model, [1], 4);
        using var trainer = new LensTrainer(lens, Still, Rows(test.Model, s_documents));
        DocumentRows same = Rows(test.Model, s_documents);
        var rows = new List<IReadOnlyList<int>>();
        double sum = 0;
        for (int step = 0; step < 3; step++)
        {
            sum += trainer.Next().Losses[0];
            for (int pass = 0; pass < 2; pass++)
            {
                SequenceBatch batch = same.Next(2);
                rows.AddRange([batch.Row(0).ToArray(), batch.Row(1).ToArray()]);
            }
        }
        // An evaluation numbers its batches as training numbers its passes.
        LensEvaluationResult found = LensEvaluation.Run(test.Model, source, [1], rows, null,
            new() { Positions = Still.Positions, Seed = Still.Seed, BatchRows = 2 });
        Assert.That(found.Positions, Is.EqualTo(12));
        Assert.That(sum / 3, Is.EqualTo(found.Layers[0].Lens.Kl).Within(1e-4));
    }

    [Test]
    public void Rates_are_the_schedules_from_its_first_step_on()
    {
        using var test = new TestModel("cpu512");
        LensTrainingOptions options = Still with { Schedule = new() { WarmupSteps = 2 } };
        using LensSet lens = LensSet.Initial(test.Model, new() { Kind = LensKind.Thin }, [1], 4);
        using var trainer = new LensTrainer(lens, options, Rows(test.Model, s_documents));
        for (int step = 1; step <= 5; step++)
        {
            LensStep made = trainer.Next();
            Assert.That((made.Step, made.LearningRate),
                Is.EqualTo((step, options.Schedule.Rate(step, options.Steps, 1e-30f))));
        }
    }

    [Test]
    public void A_measure_weighs_every_position_alike_whatever_the_batches_and_ends_at_its_limit()
    {
        using var test = new TestModel("cpu512");
        (double Kl, double Logit) Measure(int batchRows, int limit, int[][]? documents = null)
        {
            using LensSet lens =
                LensSet.Initial(test.Model, new() { Kind = LensKind.Shared }, [1], 12 * batchRows);
            foreach (LensParameter p in lens[1].Parameters)
                p.Value.Upload(Array.ConvertAll(p.Value.ToArray(), v => 1.5f * v));
            using var trainer = new LensTrainer(lens, Still with
            {
                BatchRows = batchRows, Accumulation = 1, Positions = PositionChoice.All,
            }, Rows(test.Model, s_documents));
            DocumentRows texts = Rows(test.Model, documents ?? s_documents);
            return (trainer.Evaluate(texts, limit)[0], trainer.EvaluateLogitLens(texts, limit)[0]);
        }
        (double kl, double logit) = Measure(1, 12);
        Assert.That(kl, Is.Not.EqualTo(logit).Within(1e-3));
        foreach (int rows in (int[])[2, 5, 12])
        {
            (double found, double beside) = Measure(rows, 12);
            Assert.That(found, Is.EqualTo(kl).Within(1e-6));
            Assert.That(beside, Is.EqualTo(logit).Within(1e-6));
        }
        Assert.That(Measure(3, 4), Is.EqualTo(Measure(3, 12, s_documents[..4])));
        Assert.That(Measure(3, 4).Kl, Is.Not.EqualTo(kl).Within(1e-3));
    }

    [Test]
    public void A_measure_draws_other_positions_than_the_steps_do()
    {
        using var test = new TestModel("cpu512");
        int[][] one = [[.. Enumerable.Range(0, 12).Select(t => 3 * t)]];
        using LensSet lens = LensSet.Initial(test.Model, new() { Kind = LensKind.Thin }, [1], 4);
        var measured = new HashSet<double>();
        for (ulong seed = 0; seed < 8; seed++)
        {
            LensTrainingOptions options = Still with { BatchRows = 1, Accumulation = 1, Seed = seed };
            using var trainer = new LensTrainer(lens, options, Rows(test.Model, one));
            double kl = trainer.Evaluate(Rows(test.Model, one), 1)[0];
            measured.Add(Math.Abs(kl - trainer.Next().Losses[0]) < 1e-6 ? 0 : 1);
        }
        Assert.That(measured, Does.Contain(1.0), "the first step's positions are not those of a measure");
    }

    [Test]
    public void Decay_shrinks_matrices_and_leaves_biases(
        [Values(LensKind.Thin, LensKind.LowRank, LensKind.Tuned)] LensKind kind)
    {
        using var test = new TestModel("cpu512");
        Dictionary<string, float[]> Trained(float decay)
        {
            using LensSet lens = LensSet.Initial(
                test.Model, new() { Kind = kind, Rank = 3 }, [1], 12);
            foreach (LensParameter p in lens[1].Parameters)
                p.Value.Upload(Array.ConvertAll(p.Value.ToArray(), v => v + 0.5f));
            using var trainer = new LensTrainer(lens, Still with
            {
                Optimizer = new AdamWOptions { LearningRate = 0.01f, WeightDecay = decay },
            }, Rows(test.Model, s_documents));
            trainer.Next();
            return lens[1].Parameters.ToDictionary(p => p.Name, p => p.Value.ToArray());
        }
        Dictionary<string, float[]> plain = Trained(0), decayed = Trained(0.5f);
        foreach (string name in plain.Keys)
            Assert.That(decayed[name].SequenceEqual(plain[name]), Is.EqualTo(name == "bias"), name);
    }

    [Test]
    public void A_limit_of_the_gradient_reaches_every_matrix(
        [Values(LensKind.Head, LensKind.LowRank, LensKind.Tuned)] LensKind kind)
    {
        using var test = new TestModel("cpu512");
        // With an epsilon that is not small Adam's step knows the gradient's length.
        Dictionary<string, float[]> Trained(float clip)
        {
            using LensSet lens = LensSet.Initial(
                test.Model, new() { Kind = kind, Rank = 3 }, [1], 12);
            using var trainer = new LensTrainer(lens, Still with
            {
                Clip = clip, Optimizer = new AdamWOptions { LearningRate = 0.01f, Epsilon = 1e-2f },
            }, Rows(test.Model, s_documents));
            trainer.Next();
            return lens[1].Parameters.ToDictionary(p => p.Name, p => p.Value.ToArray());
        }
        Dictionary<string, float[]> free = Trained(1e6f), tight = Trained(1e-3f);
        foreach (string name in free.Keys)
            Assert.That(tight[name], Is.Not.EqualTo(free[name]), name);
    }

    [Test]
    public void A_gain_starts_patience_anew_and_without_patience_no_layer_is_done()
    {
        using var test = new TestModel("cpu512");
        using LensSet lens = LensSet.Initial(test.Model, new() { Kind = LensKind.Thin }, [1], 4);
        bool[] Done(int patience, params double[] kl)
        {
            LensTrainingOptions options = Still with { Patience = patience, MinimumGain = 0.5 };
            using var trainer = new LensTrainer(lens, options, Rows(test.Model, s_documents));
            var progress = new LensGroupProgress(trainer, options);
            return [.. kl.Select((k, step) =>
            {
                progress.Take([k], step + 1);
                return progress.AllDone;
            })];
        }
        Assert.That(Done(2, 10, 9.8, 9, 8.8, 8.7), Is.EqualTo([false, false, false, false, true]));
        Assert.That(Done(2, 10, 9.6, 9.6), Is.EqualTo([false, false, true]), "less than the least gain");
        Assert.That(Done(1, 10, 9.5, 9), Is.EqualTo([false, true, true]), "a gain is more than the least");
        Assert.That(Done(0, 10, 10, 10, 10), Is.All.False);
    }

    static DocumentRows Rows(LanguageModel model, int[][] documents) => new(
        DocumentSource.FromIds(documents, "documents"), model.Config, new RowOptions(12), 1);
}
