using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

/// <summary>The lens of what the removal of a head takes away.</summary>
public sealed class EffectLensTests
{
    const string Hash = "0123456789abcdef";

    static readonly int[][] s_documents = [.. Enumerable.Range(0, 12).Select(d =>
        Enumerable.Range(0, 3 + d % 7).Select(t => (d * 7 + t * t * 3 + t) % 37).ToArray())];

    static LensOptions Kind(LensInitial initial = LensInitial.Folded)
        => new() { Kind = LensKind.Effect, Bias = LensBias.None, Initial = initial };

    static LensTrainingOptions Training(float rate, bool toMean = false) => new()
    {
        Steps = 60, BatchRows = 3, Accumulation = 2, Positions = PositionChoice.All, Seed = 5,
        Schedule = new() { Kind = ScheduleKind.Constant },
        Optimizer = new AdamWOptions { LearningRate = rate, WeightDecay = 0 },
        Ablation = new TrainingAblation(toMean, 0.3),
    };

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))]
    public void It_begins_as_direct_logit_attribution(string device)
    {
        using var test = new TestModel(device);
        using var folder = new TemporaryFolder();
        LanguageModel model = test.Model;
        using (LensSet lens = LensSet.Initial(model, Kind(), [0, 1], 4))
            LensFolder.Save(folder.Path, LensMetadata.Of(lens, Hash), lens, new HashSet<int> { 0, 1 }, null);
        LensSource source = LensSource.Find(folder.Path, model.Config, Hash);
        Assert.That((source.ReadsHeads, source.ReadsStream), Is.EqualTo((true, false)));
        int[][] prompts = [[3, 14, 15, 9, 2], [6, 5, 3]];
        int H = model.Config.Heads;
        LensReadings read = LensReadings.OfLastTokens(model, source,
            new LensRequest([0, 1], [.. Enumerable.Range(0, H)], Top: 3), prompts);
        for (int p = 0; p < 2; p++)
        {
            DirectLogitAttribution direct = DirectLogitAttribution.Read(model, prompts[p]);
            for (int l = 0; l < 2; l++)
                for (int h = 0; h < H; h++)
                {
                    LensWords words = read.Learned[l].Heads[h].Words[p];
                    Assert.That(words.CenteredLogit,
                        Is.EqualTo(direct.Toward(l, h, read.Model[p][0].Id)).Within(2e-5).And.Not.Zero);
                    Assert.That(words.Top[0].Id, Is.EqualTo(direct.Top(l, h, 1)[0].Token));
                }
        }
    }

    [Test]
    public void Zero_is_no_effect()
    {
        using var test = new TestModel("cpu512");
        using LensSet lens = LensSet.Initial(test.Model, Kind(LensInitial.Zero), [1], 4);
        Assert.That(lens[1].Parameters.Single().Value.ToArray(), Is.All.Zero);
    }

    [Test]
    public void The_loss_is_that_of_the_textbook([Values] bool toMean)
    {
        using var test = new TestModel("cpu512");
        LanguageModel model = test.Model;
        using LensSet lens = Moved(model);
        LensTrainingOptions options = Training(1e-30f, toMean);
        using var trainer = new LensTrainer(lens, options, Rows(model));
        IReadOnlyList<double> losses = trainer.Next().Losses;
        foreach ((int layer, double loss) in lens.Layers.Zip(losses))
            Assert.That(loss, Is.EqualTo(Textbook(model, lens[layer].Parameters[0].Value.ToArray(), layer,
                options)).Within(1e-5).And.GreaterThan(1e-3), $"layer {layer}");
    }

    // Adam's first step is the learning rate against the gradient's sign, so it shows the sign alone; the
    // gradient is read from the lens after a still step.
    [Test]
    public void The_gradient_is_that_of_central_differences()
    {
        using var test = new TestModel("cpu512");
        LanguageModel model = test.Model;
        using LensSet lens = Moved(model);
        LensTrainingOptions options = Training(1e-30f);
        using var trainer = new LensTrainer(lens, options, Rows(model));
        trainer.Next();
        (LensParameter weight, Tensor gradient) = lens[1].Inner.Single();
        float[] k = weight.Value.ToArray(), found = gradient.ToArray();
        double most = found.Max(Math.Abs);
        foreach (int i in (int[])[0, 7, 133, 258, k.Length - 1])
        {
            const float Step = 1f / 1024;
            double At(float by)
            {
                float[] moved = [.. k];
                moved[i] += by;
                return Textbook(model, moved, 1, options);
            }
            Assert.That(found[i],
                Is.EqualTo((At(Step) - At(-Step)) / (2 * Step)).Within(1e-3 * most), $"number {i}");
        }
        Assert.That(most, Is.GreaterThan(1e-4));
    }

    [Test]
    public void Trained_it_knows_effects_better_and_a_head_that_writes_nothing_keeps_no_share()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        LanguageModel model = test.Model;
        int C = model.Config.Width, D = C / model.Config.Heads;
        Tensor projection = model.Weights.Layers[1].ProjWeight;
        float[] weight = projection.ToArray();
        weight.AsSpan(2 * D * C, D * C).Clear();
        projection.Upload(weight);
        using LensSet lens = Moved(model); // head 2 begins with a share that it does not have
        double share = Favour("before");
        using var trainer = new LensTrainer(lens,
            Training(0.03f) with { Steps = 600, Schedule = new() { MinimumRate = 0 } }, Rows(model));
        double before = trainer.Evaluate(Rows(model), 12).Sum();
        for (int step = 0; step < 600; step++)
            trainer.Next();
        Assert.That(trainer.Evaluate(Rows(model), 12).Sum(), Is.LessThan(0.5 * before));
        Assert.That(Favour("after"), Is.LessThan(0.1 * share));

        // Mean size of what head 2 of layer 1 is said to do for the model's next token.
        double Favour(string name)
        {
            string at = Path.Combine(folder.Path, name);
            LensFolder.Save(at, LensMetadata.Of(lens, Hash), lens, new HashSet<int> { 0, 1 }, null);
            return LensReadings.OfLastTokens(model, LensSource.Find(at, model.Config, Hash),
                new LensRequest([1], [2], Top: 1, WithBaseline: false), s_documents).Learned[0].Heads[0].Words
                .Average(w => Math.Abs(w.CenteredLogit));
        }
    }

    [Test]
    public void It_is_trained_on_removal_alone()
    {
        using var test = new TestModel("cpu512");
        using LensSet lens = LensSet.Initial(test.Model, Kind() with { Bias = LensBias.Divided }, [1], 54);
        UserException e = Assert.Throws<UserException>(() => new LensTrainer(lens,
            Training(0.01f) with { Ablation = null }, Rows(test.Model)).Dispose())!;
        Assert.That(Field.Plain(e.Message), Does.Contain("effect needs Ablation zero or mean"));
    }

    static LensSet Moved(LanguageModel model)
    {
        LensSet lens =
            LensSet.Initial(model, Kind(), [.. Enumerable.Range(0, model.Config.Layers)], 54);
        foreach (int layer in lens.Layers)
        {
            Tensor weight = lens[layer].Parameters[0].Value;
            weight.Upload([.. weight.ToArray().Zip(
                Numbers.Normal(60 + layer, (int)weight.Length, 0, 0.3f), (a, b) => a + b)]);
        }
        return lens;
    }

    // Mean over the first step's positions of KL(p_without || softmax(W_U LN_f(h_L + (z_without - z) K))).
    static double Textbook(LanguageModel model, float[] k, int layer, LensTrainingOptions options)
    {
        ModelConfig config = model.Config;
        int C = config.Width, V = config.VocabSize, L = config.Layers;
        Site z = new(SiteKind.Z, layer), last = new(SiteKind.ResidPost, L - 1);
        float[] gain = model.Weights.FinalNormWeight.ToArray(), shift = model.Weights.FinalNormBias.ToArray(),
            head = model.Weights.Head.ToArray();
        float[]? bias = model.Weights.HeadBias?.ToArray();
        DocumentRows texts = Rows(model);
        double sum = 0;
        int positions = 0;
        for (int pass = 0; pass < 2; pass++)
        {
            SequenceBatch rows = texts.Next(3);
            int[] layers = [.. Enumerable.Range(0, 3).Select(b => (3 * pass + b) % L)];
            (_, float[][] plain) = EditedRun.Of(model, rows, [], z, last);
            (float[] own, float[] stream) = (plain[0], plain[1]);
            (float[] without, float[][] edited) = EditedRun.Of(model, rows,
                options.Ablation!.Edits(layers, config.Heads, options.Seed, pass), z);
            float[] left = edited[0];
            for (int b = 0; b < 3; b++)
                for (int t = 0; t < rows.Lengths[b] && layers[b] == layer; t++)
                {
                    int i = b * rows.T + t;
                    double[] h = [.. Enumerable.Range(0, C).Select(c => stream[i * C + c]
                        + Enumerable.Range(0, C).Sum(j
                            => ((double)left[i * C + j] - own[i * C + j]) * k[j * C + c]))];
                    double mean = h.Average(),
                        s = Math.Sqrt(h.Average(v => (v - mean) * (v - mean)) + config.LayerNormEpsilon);
                    double[] y = [.. h.Select((v, c) => (v - mean) / s * gain[c] + shift[c])];
                    double[] guess = CrossEntropyReference.LogSoftmax<double>([.. Enumerable.Range(0, V)
                        .Select(v => (bias?[v] ?? 0)
                            + Enumerable.Range(0, C).Sum(c => y[c] * head[v * C + c]))]);
                    double[] target = CrossEntropyReference.LogSoftmax<double>(
                        [.. without.Skip(i * V).Take(V).Select(x => (double)x)]);
                    sum += target.Zip(guess, (a, g) => Math.Exp(a) * (a - g)).Sum();
                    positions++;
                }
        }
        return sum / positions;
    }

    static DocumentRows Rows(LanguageModel model) => new(
        DocumentSource.FromIds(s_documents, "documents"), model.Config, new RowOptions(9), 5);
}
