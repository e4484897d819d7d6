using HeadTap.Kernels;
using HeadTap.Kernels.Tests;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

[NonParallelizable]
public class TrainerTests
{
    static readonly TokenDataset s_data = TrainingSetup.Data();

    static IEnumerable<TestCaseData> Runs()
    {
        TrainingConfig packed = TrainingSetup.Config;
        TrainingConfig documents = packed with { Rows = TokenRows.PerDocument };
        var nesterov = new SgdOptions
        {
            LearningRate = 0.5f, Momentum = 0.8f, Nesterov = true, WeightDecay = 0.01f,
        };
        (string Name, TrainingConfig Config)[] runs =
        [
            ("AdamW, packed rows", packed),
            ("AdamW, shuffled rows", packed with { Rows = TokenRows.Shuffled }),
            ("AdamW, a document a row", documents),
            ("AdamW, three batches of one document", documents with { BatchRows = 1, Accumulation = 3 }),
            ("SGD with Nesterov's momentum", documents with { Optimizer = nesterov }),
        ];
        return
            from device in TestDevice.Quick
            from run in runs
            select new TestCaseData(device, run.Config).SetArgDisplayNames($"\"{device}\"", run.Name);
    }

    // The reference takes all rows of a step at once: accumulation must give what one large batch gives.
    [TestCaseSource(nameof(Runs))]
    public void Losses_and_weights_are_the_textbooks(string device, TrainingConfig config)
    {
        (double[] exactLosses, Dictionary<string, double[]> exact) =
            TrainingSetup.Reference<double>(config, s_data);
        (float[] plainLosses, Dictionary<string, float[]> plain) =
            TrainingSetup.Reference<float>(config, s_data);
        (double[] losses, Dictionary<string, float[]> weights) = TrainingSetup.Train(device, config, s_data);
        Agreement.PassAtMostTwiceFloat32(
        [
            ("losses", exactLosses, plainLosses, Array.ConvertAll(losses, loss => (float)loss)),
            .. exact.Select(p => (p.Key, p.Value, plain[p.Key], weights[p.Key])),
        ]);
    }

    [Test]
    public void The_loss_falls()
    {
        TrainingConfig config = TrainingSetup.Config with
        {
            Steps = 60, Optimizer = new AdamWOptions { LearningRate = 1e-2f },
        };
        double[] losses = TrainingSetup.Train("cpu512", config, s_data).Losses;
        Assert.That(losses[^5..].Average(), Is.LessThan(losses[..5].Average() / 2));
    }

    [Test]
    public void Two_runs_on_any_number_of_threads_give_the_same_bits()
    {
        int threads = HostThreads.Count;
        try
        {
            HostThreads.Count = 1;
            (double[] losses, Dictionary<string, float[]> weights) =
                TrainingSetup.Train("cpu512", TrainingSetup.Config, s_data);
            foreach (int count in (int[])[1, 2, 5])
            {
                HostThreads.Count = count;
                (double[] again, Dictionary<string, float[]> others) =
                    TrainingSetup.Train("cpu512", TrainingSetup.Config, s_data);
                Assert.That(again, Is.EqualTo(losses), $"{count} threads");
                Assert.That(others, Is.EqualTo(weights), $"{count} threads");
            }
        }
        finally
        {
            HostThreads.Count = threads;
        }
    }

    [Test]
    public void Another_seed_takes_the_rows_in_another_order() => Assert.That(
        TrainingSetup.Train("cpu512", TrainingSetup.Config with { Seed = 6 }, s_data).Losses,
        Is.Not.EqualTo(TrainingSetup.Train("cpu512", TrainingSetup.Config, s_data).Losses));

    [Test]
    public void Frozen_parameters_keep_their_bits()
    {
        using var before = new TestModel("cpu512");
        TrainingConfig config = TrainingSetup.Config with { Train = ["h.1.mlp.*", "h.0.attn.c_attn.bias"] };
        Dictionary<string, float[]> weights = TrainingSetup.Train("cpu512", config, s_data).Weights;
        foreach ((string name, float[] values) in weights)
        {
            bool trained = name.StartsWith("h.1.mlp.", StringComparison.Ordinal)
                || name == "h.0.attn.c_attn.bias";
            Assert.That(values.AsSpan().SequenceEqual(before.Plain[name]), Is.EqualTo(!trained), name);
        }
    }

    [Test]
    public void Epochs_become_whole_steps()
    {
        using var test = new TestModel("cpu512");
        using var trainer = new Trainer(test.Model,
            TrainingSetup.Config with { Steps = null, Epochs = 2 }, s_data);
        int rows = new TokenBatches(s_data, new TokenBatchOptions(1, 11), 5).RowsPerEpoch;
        Assert.That(trainer.Steps, Is.EqualTo((2 * rows + 2) / 3));
    }

    [Test]
    public void Evaluation_is_the_mean_over_all_tokens_and_changes_nothing()
    {
        using var test = new TestModel("cpu512");
        using var trainer = new Trainer(test.Model,
            TrainingSetup.Config with { Rows = TokenRows.PerDocument }, s_data);
        TokenDataset held = TrainingSetup.Data(seed: 90, documents: 7);
        double sum = 0;
        int counted = 0;
        foreach (TokenBatch row in TokenBatches.InOrder(held,
            new TokenBatchOptions(1, 11, TokenRows.PerDocument, true)))
        {
            int[] tokens = row.Tokens[..row.Lengths[0]], targets = row.Targets[..row.Lengths[0]];
            sum += Reference.Gpt2Reference.Backward(test.Sizes, test.Exact, tokens, targets, counted: 1).Loss;
            counted += targets.Count(t => t >= 0);
        }
        Assert.That(trainer.Evaluate(held), Is.EqualTo(sum / counted).Within(1e-5).Percent);
        Assert.That(trainer.Evaluate(held), Is.EqualTo(trainer.Evaluate(held)));
        Assert.That(trainer.Next().Loss, Is.EqualTo(TrainingSetup.Train(
            "cpu512", trainer.Config, s_data).Losses[0]));
    }

    [Test]
    public void A_loss_that_is_no_number_stops_before_the_weights_are_touched()
    {
        using var test = new TestModel("cpu512");
        test.Model.Set["ln_f.bias"].Upload([.. Enumerable.Repeat(float.NaN, 20)]);
        using var trainer = new Trainer(test.Model, TrainingSetup.Config, s_data);
        var e = Assert.Throws<UserException>(() => trainer.Next());
        Assert.That(e!.Message, Does.StartWith("step 1: the loss is NaN"));
        Assert.That(test.Model.Set["wpe.weight"].ToArray(), Is.EqualTo(test.Plain["wpe.weight"]));
    }

    [Test]
    public void A_run_that_cannot_fit_is_refused_with_its_parts_and_what_would_help()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, TestModel.Small);
        TrainingConfig config = TrainingSetup.Config with { BatchRows = 1 << 26 };
        var e = Assert.Throws<UserException>(() => new Trainer(model, config, s_data).Dispose());
        Assert.That(e!.Message, Does.Contain("gradients").And.Contain("moments").And.Contain("activations")
            .And.Contain("batch_rows").And.Not.Contain("\n"));
    }
}
