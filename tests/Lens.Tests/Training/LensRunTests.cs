using System.Text.Json;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

public class LensRunTests
{
    static readonly ModelConfig Config =
        new() { VocabSize = 37, ContextLength = 12, Width = 20, Layers = 3, Heads = 4, Inner = 28 };

    static readonly LensKind[] Trained = [LensKind.Head, LensKind.Thin, LensKind.LowRank, LensKind.Shared,
        LensKind.Residual, LensKind.Tuned];

    string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("headtap-lens-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Every_kind_comes_nearer_to_the_model([ValueSource(nameof(Trained))] LensKind kind)
    {
        LensMetadata facts = Run("a", kind, Options(60)).Facts!;
        for (int i = 0; i < 2; i++)
        {
            double[] kl = [.. Rows("a").Select(r => r.GetProperty("kl")[i].GetDouble())];
            Assert.That(kl[^1], Is.LessThan(0.8 * kl[0]));
            Assert.That(facts.ValidationKl![i], Is.GreaterThan(0).And.LessThan(kl[0]));
        }
        Assert.That(facts.LogitLensKl, Has.Count.EqualTo(2).And.All.GreaterThan(0));
        Assert.That(facts.Complete, Is.All.True);
        Assert.That(File.Exists(At("a", LensRun.CheckpointFile)), Is.False);
    }

    [Test]
    public void No_steps_write_the_lens_as_it_begins([ValueSource(nameof(Trained))] LensKind kind)
    {
        Run("a", kind, Options(0));
        using LanguageModel model = Model();
        using LensSet read = LensFolder.Load(model, "hash", At("a"), null, 4),
            made = LensSet.Initial(model, Kind(kind), [0, 2], 4);
        foreach (int layer in (int[])[0, 2])
            foreach ((LensParameter r, LensParameter m) in read[layer].Parameters.Zip(made[layer].Parameters))
                Assert.That(r.Value.ToArray(), Is.EqualTo(m.Value.ToArray()), $"{layer} {r.Name}");
        Assert.That(LensFolder.Unigram(At("a"))!.Sum(), Is.EqualTo(Documents.Sum(d => d.Length)));
    }

    [Test]
    public void No_steps_have_the_loss_of_the_lens_as_it_begins([Values(1, 2)] int layersAtOnce)
    {
        LensTrainingOptions options = Options(0) with { ValidationShare = 0.2, LayersAtOnce = layersAtOnce };
        LensMetadata facts = Run("a", LensKind.Thin, options).Facts!;
        using LanguageModel model = Model();
        using LensSet made = LensSet.Initial(model, Kind(LensKind.Thin), [0, 2],
            options.PositionsAtOnce(model.Config));
        (DocumentSource train, DocumentSource held) = Texts().Split(0.2, options.Seed);
        var rows = new RowOptions(options.TokensAtOnce(model.Config), null);
        using var trainer = new LensTrainer(made, options, new DocumentRows(train, model.Config, rows, 1));
        IReadOnlyList<double> expected = trainer.Evaluate(
            new DocumentRows(held, model.Config, rows, options.Seed), options.ValidationRows);
        Assert.That(facts.ValidationKl!.Select(k => k!.Value), Is.EqualTo(expected).And.All.GreaterThan(0));
        Assert.That(facts.Steps, Is.All.EqualTo(0));
        using LensSet read = LensFolder.Load(model, "hash", At("a"), null, 4);
        foreach (int layer in (int[])[0, 2])
            foreach ((LensParameter r, LensParameter m) in read[layer].Parameters.Zip(made[layer].Parameters))
                Assert.That(r.Value.ToArray(), Is.EqualTo(m.Value.ToArray()), $"{layer} {r.Name}");
    }

    [Test]
    public void Stopped_and_resumed_it_reaches_the_same_bits(
        [Values(LensKind.Head, LensKind.LowRank, LensKind.Tuned)] LensKind kind,
        [Values] MomentStorage moments,
        [Values(1, 4, 9)] int stopAfter)
    {
        LensTrainingOptions options = Options(12) with { Moments = moments, EvaluateEvery = 4 };
        Run("whole", kind, options);
        Stop("parts", kind, options, stopAfter, group: 0);
        // Rows of a run that was killed after its checkpoint are written again and not twice.
        File.AppendAllText(At("parts", LensRun.MetricsFile), "{\"step\": 99}\n{\"st");
        Assert.That(Run("parts", kind, options).Complete, Is.True);
        AssertSame("whole", "parts");
    }

    [Test]
    public void Moments_in_fewer_bytes_come_as_near([Values] MomentStorage moments)
    {
        LensTrainingOptions options = Options(80);
        double best = Run("float32", LensKind.Thin, options).Facts!.ValidationKl!.Average()!.Value,
            began = Rows("float32")[0].GetProperty("kl").EnumerateArray().Average(k => k.GetDouble());
        double kl = Run("a", LensKind.Thin, options with { Moments = moments }).Facts!
            .ValidationKl!.Average()!.Value;
        Assert.That(began - kl, Is.GreaterThan(0.9 * (began - best)));
        if (moments != MomentStorage.Float32)
            Assert.That(Tensors("a"), Is.Not.EqualTo(Tensors("float32")));
    }

    [Test]
    public void Layers_trained_in_groups_are_the_same_as_together([Values(0, 1)] int stopInGroup)
    {
        LensTrainingOptions together = Options(8), apart = together with { LayersAtOnce = 1 };
        Run("whole", LensKind.Thin, together);
        Stop("parts", LensKind.Thin, apart, 5, stopInGroup);
        Assert.That(Run("parts", LensKind.Thin, apart).Complete, Is.True);
        Assert.That(Weights("parts"), Is.EqualTo(Weights("whole")));
        Assert.That(Rows("parts").Select(r => r.GetProperty("layers")[0].GetInt32()),
            Is.EqualTo(Enumerable.Repeat(0, 8).Concat(Enumerable.Repeat(2, 8))));
    }

    [Test]
    public void A_layer_that_gets_no_better_is_done_and_its_best_is_kept()
    {
        LensTrainingOptions options = Options(40) with
        {
            EvaluateEvery = 5, Patience = 2, MinimumGain = 100, // only the first evaluation counts
        };
        LensRunResult result = Run("early", LensKind.Thin, options);
        Assert.That(result.Complete, Is.True);
        Assert.That(Rows("early"), Has.Length.EqualTo(15));
        Assert.That(result.Facts!.Steps, Is.All.EqualTo(5));
        Run("five", LensKind.Thin, options with { Steps = 5, Schedule = Flat });
        Run("flat", LensKind.Thin, options with { Schedule = Flat });
        Assert.That(Weights("flat"), Is.EqualTo(Weights("five")));
    }

    [Test]
    public void A_group_that_ends_early_keeps_all_its_rows()
    {
        LensTrainingOptions options = Options(40) with
        {
            EvaluateEvery = 5, Patience = 2, MinimumGain = 100, LayersAtOnce = 1,
        };
        Run("whole", LensKind.Thin, options);
        int[] layers = [.. Enumerable.Repeat(0, 15), .. Enumerable.Repeat(2, 15)];
        Assert.That(Rows("whole").Select(r => r.GetProperty("layers")[0].GetInt32()), Is.EqualTo(layers));
        Stop("parts", LensKind.Thin, options, 2, group: 1);
        File.Delete(At("parts", LensRun.CheckpointFile)); // as if killed before the group's first one
        File.AppendAllText(At("parts", LensRun.MetricsFile), "{\"lay");
        Assert.That(Run("parts", LensKind.Thin, options).Complete, Is.True);
        AssertSame("whole", "parts");
    }

    [Test]
    public void First_step_moves_each_of_the_heads_biases_by_the_learning_rate()
    {
        // Adam's first step is the learning rate in the gradient's direction, whatever its size.
        foreach ((LensKind kind, int biases) in
            ((LensKind, int)[])[(LensKind.Head, 4), (LensKind.Thin, 4), (LensKind.Residual, 1)])
        {
            using LanguageModel model = Model();
            using LensSet lens = LensSet.Initial(model, Kind(kind), [1], 72);
            LensParameter[] before = [.. lens[1].Parameters];
            float[][] old = [.. before.Select(p => p.Value.ToArray())];
            using var trainer = new LensTrainer(lens, Options(1) with { Schedule = Flat },
                new DocumentRows(Texts(), Config, new RowOptions(Config.ContextLength), 1));
            trainer.Next();
            float Moved(int i) => old[i].Zip(before[i].Value.ToArray(), (a, b) => Math.Abs(a - b)).Max();
            Assert.That(Moved(0), Is.EqualTo(0.01f).Within(1e-3f), $"{kind}: weight");
            Assert.That(Moved(1), Is.EqualTo(biases * 0.01f).Within(biases * 1e-3f), $"{kind}: bias");
        }
    }

    [Test]
    public void A_limit_that_no_gradient_reaches_changes_nothing(
        [Values(LensKind.Head, LensKind.LowRank, LensKind.Tuned)] LensKind kind)
    {
        Run("free", kind, Options(6));
        Run("wide", kind, Options(6) with { Clip = 1e6f });
        Run("tight", kind, Options(6) with
        {
            Clip = 1e-3f, Optimizer = Options(6).Optimizer with { Epsilon = 1e-3f },
        });
        Assert.That(Tensors("wide"), Is.EqualTo(Tensors("free")));
        Assert.That(Tensors("tight"), Is.Not.EqualTo(Tensors("free")));
    }

    // With a huge epsilon Adam's first step is the clipped gradient times rate / epsilon. A head lens has H
    // equal biases: their sum moves H times as far, and the norm has the gradient of each.
    [TestCase(LensKind.Head, 4), TestCase(LensKind.Thin, 4), TestCase(LensKind.Residual, 1)]
    public void A_clipped_gradient_is_as_long_as_the_limit(LensKind kind, int biases)
    {
        using LanguageModel model = Model();
        using LensSet lens = LensSet.Initial(model, Kind(kind), [1], 72);
        LensParameter[] parameters = [.. lens[1].Parameters];
        float[][] old = [.. parameters.Select(p => p.Value.ToArray())];
        using var trainer = new LensTrainer(lens, Options(1) with
        {
            Schedule = Flat, Clip = 0.01f,
            Optimizer = new AdamWOptions { LearningRate = 1e4f, Epsilon = 1e4f, WeightDecay = 0 },
        }, new DocumentRows(Texts(), Config, new RowOptions(Config.ContextLength), 1));
        trainer.Next();
        double Moved(int i) => old[i].Zip(parameters[i].Value.ToArray(), (a, b) => Math.Pow((double)a - b, 2))
            .Sum();
        Assert.That(Math.Sqrt(Moved(0) + Moved(1) / biases), Is.EqualTo(0.01).Within(1e-5));
        Assert.That(Math.Sqrt(Moved(1)), Is.GreaterThan(1e-4), "the biases move too");
    }

    [Test]
    public void Layers_that_a_folder_lacks_are_trained_beside_those_it_has()
    {
        LensRunResult Layers(string folder, params int[] layers)
        {
            using LanguageModel model = Model();
            return LensRun.Run(model, "hash", Kind(LensKind.Thin), layers, Options(6), Texts(), At(folder));
        }
        Layers("a", 0);
        Assert.That(Layers("a", 0, 2).Facts!.Layers, Is.EqualTo((int[])[0, 2]));
        Run("both", LensKind.Thin, Options(6));
        Assert.That(Tensors("a"), Is.EqualTo(Tensors("both")));
    }

    [Test]
    public void Every_option_that_changes_the_result_belongs_to_the_call()
    {
        LensTrainingOptions plain = Options(6);
        Dictionary<string, LensTrainingOptions> others = new()
        {
            ["Steps"] = plain with { Steps = 7 },
            ["BatchRows"] = plain with { BatchRows = 5 },
            ["Accumulation"] = plain with { Accumulation = 3 },
            ["TokensPerRow"] = plain with { TokensPerRow = 4 },
            ["Positions"] = plain with { Positions = PositionChoice.Last },
            ["Ablation"] = plain with { Ablation = new TrainingAblation(ToMean: true, 0.2) },
            ["Optimizer"] = plain with { Optimizer = plain.Optimizer with { Beta1 = 0.5f } },
            ["Schedule"] = plain with { Schedule = plain.Schedule with { WarmupSteps = 3 } },
            ["Clip"] = plain with { Clip = 2 },
            ["Moments"] = plain with { Moments = MomentStorage.EightBit },
            ["Seed"] = plain with { Seed = 6 },
            ["Bos"] = plain with { Bos = 1 },
            ["ValidationShare"] = plain with { ValidationShare = 0.3 },
            ["ValidationRows"] = plain with { ValidationRows = 9 },
            ["EvaluateEvery"] = plain with { EvaluateEvery = 3 },
            ["Patience"] = plain with { Patience = 2 },
            ["MinimumGain"] = plain with { MinimumGain = 0.5 },
        };
        string[] free = ["CheckpointEvery", "LayersAtOnce"]; // the bits are the same
        Assert.That(others.Keys.Concat(free),
            Is.EquivalentTo(typeof(LensTrainingOptions).GetProperties().Select(p => p.Name)));
        foreach ((string name, LensTrainingOptions other) in others)
            Assert.That($"{other.ToJson()}", Is.Not.EqualTo($"{plain.ToJson()}"), name);
        LensTrainingOptions ablated = others["Ablation"];
        foreach (TrainingAblation other in
            (TrainingAblation[])[new(ToMean: false, 0.2), new(ToMean: true, 0.3)])
            Assert.That($"{(ablated with { Ablation = other }).ToJson()}",
                Is.Not.EqualTo($"{ablated.ToJson()}"));
    }

    [Test]
    public void A_lens_is_validated_on_the_documents_that_are_held_out()
    {
        LensTrainingOptions still = Options(1) with
        {
            EvaluateEvery = 1,
            Optimizer = new AdamWOptions { LearningRate = 1e-9f, WeightDecay = 0 },
        };
        LensMetadata facts = Run("a", LensKind.Thin, still).Facts!;
        (DocumentSource train, DocumentSource held) = Texts().Split(0.2, still.Seed);
        using LanguageModel model = Model();
        using LensSet lens = LensSet.Initial(model, Kind(LensKind.Thin), [0, 2], 72);
        var rows = new RowOptions(Config.ContextLength);
        using var trainer = new LensTrainer(lens, still, new DocumentRows(train, Config, rows, still.Seed));
        double Kl(DocumentSource texts) => trainer.Evaluate(
            new DocumentRows(texts, Config, rows, still.Seed), still.ValidationRows)[0];
        Assert.That(facts.ValidationKl![0], Is.EqualTo(Kl(held)).Within(1e-5));
        Assert.That(Kl(train), Is.Not.EqualTo(Kl(held)).Within(1e-3));
    }

    [Test]
    public void A_lens_is_compared_with_the_untrained_one_that_reads_what_it_reads(
        [Values(LensKind.Residual, LensKind.Tuned)] LensKind kind)
    {
        LensTrainingOptions still = Options(1) with
        {
            EvaluateEvery = 1, // and it stays where it begins
            Optimizer = new AdamWOptions { LearningRate = 1e-9f, WeightDecay = 0 },
        };
        LensMetadata facts = Run("a", kind, still).Facts!;
        for (int i = 0; i < 2; i++)
            Assert.That(facts.ValidationKl![i], Is.EqualTo(facts.LogitLensKl![i]!.Value).Within(1e-4));
    }

    [Test]
    public void A_loss_that_is_no_number_ends_the_run_with_one_line()
    {
        using LanguageModel model = Model();
        float[] gain = model.Weights.FinalNormWeight.ToArray();
        gain[0] = float.NaN;
        model.Weights.FinalNormWeight.Upload(gain);
        UserException e = Assert.Throws<UserException>(() => LensRun.Run(model, "hash",
            Kind(LensKind.Thin) with { Initial = LensInitial.Raw }, [0], Options(5), Texts(), At("a")))!;
        Assert.That(e.Message, Does.StartWith("step 1: the loss of layer 0 is NaN"));
        Assert.That(File.Exists(At("a", LensFolder.WeightsFile)), Is.False);
    }

    [Test]
    public void A_lens_that_overflows_before_its_first_step_does_not_blame_the_rate()
    {
        using LanguageModel model = Model(Config with { TiedHead = false });
        model.RequiresFinite = true;
        // The model's stream is normalised before its unembedding, and the heads' results are not.
        foreach ((Tensor weight, float factor) in new[]
        {
            (model.Weights.Head, 1e36f), (model.Weights.Layers[0].ProjWeight, 1e6f),
        })
            weight.Upload(Array.ConvertAll(weight.ToArray(), v => v * factor));
        UserException e = Assert.Throws<UserException>(() => LensRun.Run(model, "hash",
            Kind(LensKind.Thin) with { Initial = LensInitial.Raw }, [0], Options(5), Texts(), At("b")))!;
        Assert.That(e.Message, Does.Contain("not finite").And.Not.Contain("LearningRate"));
    }

    [TestCaseSource(nameof(Moments))]
    public void A_run_killed_at_any_moment_reaches_the_same_bits(string moment)
    {
        LensTrainingOptions options = Options(12) with { EvaluateEvery = 4, LayersAtOnce = 1 };
        Run("whole", LensKind.Thin, options);
        Stop("stopped", LensKind.Thin, options, 5, group: 1);
        KillMoments.Leave(moment == "in the facts" || moment == "before the checkpoint goes"
            ? "before the mark" : moment, At("whole"), At("stopped"), At("a"));
        if (moment == "in the facts")
            File.WriteAllText(At("a", LensFolder.FactsFile), "older");
        if (moment == "before the checkpoint goes")
            AddLastCheckpoint(options);
        Assert.That(Run("a", LensKind.Thin, options).Complete, Is.True);
        AssertSame("whole", "a");
        Assert.That(Directory.GetFiles(At("a")).Select(Path.GetFileName).Order(),
            Is.EqualTo(Directory.GetFiles(At("whole")).Select(Path.GetFileName).Order()));
    }

    static IEnumerable<string> Moments() => [.. KillMoments.Early, .. KillMoments.Midway,
        "before the mark", "in the facts", "before the checkpoint goes", "at the end of an older version"];

    // Of the last group, as it is between the lens and the checkpoint's removal.
    void AddLastCheckpoint(LensTrainingOptions options)
    {
        Stop("last", LensKind.Thin, options, 11, group: 1);
        File.Copy(At("last", LensRun.CheckpointFile), At("a", LensRun.CheckpointFile));
    }

    [Test]
    public void Runs_that_do_not_belong_together_are_refused([Values] bool older)
    {
        Stop("a", LensKind.Thin, Options(6), 3, group: 0);
        string record = older ? "lens.json" : "run.json";
        if (older)
            File.Delete(At("a", RunFolder.StartFile));
        Refused($"steps is 6 in its {record} and 7 here", LensKind.Thin, Options(7));
        Refused($"seed is 5 in its {record} and 6 here", LensKind.Thin, Options(6) with { Seed = 6 });
        Refused($"lens.kind is \"thin\" in its {record} and \"shared\" here", LensKind.Shared, Options(6));
        File.Delete(At("a", LensFolder.WeightsFile));
        Refused(older ? "other options" : "steps is 6", LensKind.Thin, Options(7));
        byte[] bytes = File.ReadAllBytes(At("a", LensRun.CheckpointFile));
        bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(At("a", LensRun.CheckpointFile), bytes);
        Refused("damaged", LensKind.Thin, Options(6));

        void Refused(string text, LensKind kind, LensTrainingOptions options)
            => Assert.That(Assert.Throws<UserException>(() => Run("a", kind, options))!.Message,
                Does.Contain(text));
    }

    [TestCase("Steps is -1")]
    [TestCase("BatchRows is 0")]
    [TestCase("TokensPerRow is 13; the model's context is 12")]
    [TestCase("ValidationShare is 1")]
    [TestCase("learning_rate is 0")]
    public void Options_out_of_range_are_refused(string message)
    {
        LensTrainingOptions good = Options(1), bad = message.Split(' ')[0] switch
        {
            "Steps" => good with { Steps = -1 },
            "BatchRows" => good with { BatchRows = 0 },
            "TokensPerRow" => good with { TokensPerRow = 13 },
            "ValidationShare" => good with { ValidationShare = 1 },
            _ => good with { Optimizer = new AdamWOptions { LearningRate = 0 } },
        };
        Assert.That(Assert.Throws<UserException>(() => bad.Validated(Config))!.Message,
            Does.StartWith(message));
    }

    [Test]
    public void A_job_that_does_not_fit_says_what_would()
    {
        using LanguageModel model = Model();
        LensTrainingOptions options = Options(1) with { BatchRows = 2_000_000 };
        UserException e = Assert.Throws<UserException>(
            () => LensPlan.Make(model, Kind(LensKind.Head), [0, 1], options))!;
        Assert.That(e.Message, Does.Match("this needs .* and .* has .*; try Kind thin"));
        Assert.That(LensPlan.Make(model, Kind(LensKind.Head), [0, 1, 2], Options(1) with { LayersAtOnce = 2 })
            .Groups, Is.EqualTo(new int[][] { [0, 1], [2] }));
    }

    static LearningRateSchedule Flat => new() { Kind = ScheduleKind.Constant };

    static int[][] Documents => [.. Enumerable.Range(0, 30).Select(d =>
        Enumerable.Range(0, 3 + d % 11).Select(t => (d * 7 + t * t * 3 + t) % 37).ToArray())];

    static DocumentSource Texts() => DocumentSource.FromIds(Documents, "documents");

    static LensOptions Kind(LensKind kind) => new() { Kind = kind, Rank = 6, Initial = LensInitial.Folded };

    static LensTrainingOptions Options(int steps) => new()
    {
        Steps = steps, BatchRows = 3, Accumulation = 2, Positions = PositionChoice.All, Seed = 5,
        Optimizer = new AdamWOptions { LearningRate = 0.01f, Beta2 = 0.99f, WeightDecay = 0 },
        ValidationShare = steps == 0 ? 0 : 0.2, EvaluateEvery = 20, CheckpointEvery = 4,
    };

    static LanguageModel Model(ModelConfig? config = null)
    {
        var model = new LanguageModel(ComputeDevice.OpenHost(), config ?? Config);
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            float[] values = new float[slice.Length];
            new SeededRandom(3, (ulong)slice.Offset).FillNormal(values, 0.3f);
            if (slice.Name.Contains("ln_", StringComparison.Ordinal)
                && slice.Name.EndsWith("weight", StringComparison.Ordinal))
                values = Array.ConvertAll(values, v => 1 + v);
            model.Set[slice.Name].Upload(values);
        }
        return model;
    }

    LensRunResult Run(string folder, LensKind kind, LensTrainingOptions options,
        Action<LensProgress>? progress = null, CancellationToken stop = default)
    {
        using LanguageModel model = Model();
        return LensRun.Run(model, "hash", Kind(kind), [0, 2], options, Texts(), At(folder),
            new LensRunOptions { Progress = progress, Stop = stop });
    }

    void Stop(string folder, LensKind kind, LensTrainingOptions options, int after, int group)
    {
        using var stop = new CancellationTokenSource();
        LensRunResult half = Run(folder, kind, options, stop: stop.Token, progress: p =>
        {
            if (p.Last.Step == after && p.Group == group)
                stop.Cancel();
        });
        Assert.That(half.Complete, Is.False);
    }

    string At(params string[] parts) => Path.Combine([_folder, .. parts]);

    JsonElement[] Rows(string folder) => [.. File.ReadLines(At(folder, LensRun.MetricsFile))
        .Select(l => JsonDocument.Parse(l).RootElement)];

    byte[] Weights(string folder) => Tensors(folder);

    // Without the metadata, which says with which options they were trained.
    byte[] Tensors(string folder)
    {
        byte[] bytes = File.ReadAllBytes(At(folder, LensFolder.WeightsFile));
        return bytes[(8 + BitConverter.ToInt32(bytes, 0))..];
    }

    void AssertSame(string one, string other)
    {
        foreach (string file in (string[])[LensFolder.WeightsFile, LensFolder.FactsFile, LensRun.MetricsFile])
            Assert.That(File.ReadAllBytes(At(other, file)),
                Is.EqualTo(File.ReadAllBytes(At(one, file))), file);
    }
}
