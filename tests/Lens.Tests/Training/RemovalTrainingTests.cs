using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

/// <summary>Lenses that learn what the removal of heads changes.</summary>
public sealed class RemovalTrainingTests
{
    static readonly int[][] s_documents = [.. Enumerable.Range(0, 12).Select(d =>
        Enumerable.Range(0, 3 + d % 7).Select(t => (d * 7 + t * t * 3 + t) % 37).ToArray())];

    static readonly LensOptions s_thin = new()
    {
        Kind = LensKind.Thin, Bias = LensBias.None, Initial = LensInitial.Zero,
    };

    // A step of this rate moves no float32.
    static LensTrainingOptions Still => new()
    {
        Steps = 9, BatchRows = 3, Accumulation = 2, Positions = PositionChoice.All, Seed = 5,
        Optimizer = new AdamWOptions { LearningRate = 1e-30f, WeightDecay = 0 },
        Ablation = new TrainingAblation(ToMean: false, Share: 0.3),
    };

    [Test]
    public void The_loss_is_that_of_the_textbook([Values] bool toMean)
    {
        using var test = new TestModel("cpu512");
        LensTrainingOptions options = Still with { Ablation = new TrainingAblation(toMean, 0.3) };
        using LensSet lens = Moved(test.Model);
        using var trainer = new LensTrainer(lens, options, Rows(test.Model, s_documents));
        DocumentRows same = Rows(test.Model, s_documents);
        for (int step = 0; step < 3; step++)
        {
            IReadOnlyList<double> losses = trainer.Next().Losses;
            var sums = new double[test.Model.Config.Layers];
            var positions = new int[sums.Length];
            for (int pass = 0; pass < 2; pass++)
            {
                SequenceBatch rows = same.Next(3);
                int[] layers = [.. Enumerable.Range(0, 3).Select(b => (step + 3 * pass + b) % sums.Length)];
                IReadOnlyList<Edit> edits = options.Ablation!.Edits(
                    layers, test.Model.Config.Heads, options.Seed, 2 * step + pass);
                for (int b = 0; b < 3; b++)
                    foreach (double kl in Textbook(test.Model, lens[layers[b]], rows, b, edits))
                    {
                        sums[layers[b]] += kl;
                        positions[layers[b]]++;
                    }
            }
            for (int l = 0; l < sums.Length; l++)
                Assert.That(losses[l], Is.EqualTo(sums[l] / positions[l]).Within(1e-5).And.GreaterThan(1e-3));
        }
    }

    [Test]
    public void A_head_whose_words_nothing_reads_gets_no_share()
    {
        using var test = new TestModel("cpu512");
        LanguageModel model = test.Model;
        int C = model.Config.Width, D = C / model.Config.Heads;
        Tensor projection = model.Weights.Layers[1].ProjWeight;
        float[] weight = projection.ToArray();
        weight.AsSpan(2 * D * C, D * C).Clear(); // head 2 writes nothing, and its z still knows the prompt
        projection.Upload(weight);
        double Share(TrainingAblation? ablation)
        {
            LensOptions kind = s_thin with { Bias = ablation is null ? LensBias.Divided : LensBias.None };
            using LensSet lens = LensSet.Initial(model, kind, [1], 6 * 9);
            using var trainer = new LensTrainer(lens, Still with
            {
                Steps = 60, Ablation = ablation,
                Optimizer = new AdamWOptions { LearningRate = 0.02f, WeightDecay = 0 },
            }, Rows(model, s_documents));
            for (int step = 0; step < 60; step++)
                trainer.Next();
            float[] b = lens[1].Parameters[0].Value.ToArray();
            double Norm(int head) => Math.Sqrt(b.Index().Where(v => v.Index % C / D == head)
                .Sum(v => (double)v.Item * v.Item));
            return Norm(2) / Enumerable.Range(0, model.Config.Heads).Max(Norm);
        }
        Assert.That(Share(new TrainingAblation(ToMean: false, Share: 0)), Is.LessThan(1e-3));
        Assert.That(Share(null), Is.GreaterThan(0.5), "what the sum over heads says of it");
    }

    [Test]
    public void A_step_moves_no_bias_and_every_matrix_towards_the_effect()
    {
        using var test = new TestModel("cpu512");
        using LensSet lens = LensSet.Initial(test.Model, s_thin, [0, 1], 6 * 9);
        using var trainer = new LensTrainer(lens, Still with
        {
            Steps = 40, Optimizer = new AdamWOptions { LearningRate = 0.02f, WeightDecay = 0 },
        }, Rows(test.Model, s_documents));
        double before = trainer.Evaluate(Rows(test.Model, s_documents), 12).Sum();
        for (int step = 0; step < 40; step++)
            trainer.Next();
        Assert.That(trainer.Evaluate(Rows(test.Model, s_documents), 12).Sum(), Is.LessThan(0.7 * before));
        foreach (int layer in (int[])[0, 1])
            Assert.That(lens[layer].Parameters[1].Value.ToArray(), Is.All.Zero);
    }

    [Test]
    public void Groups_stops_and_threads_change_no_bit()
    {
        using var folder = new TemporaryFolder();
        using var test = new TestModel("cpu512");
        DocumentSource texts =
            DocumentSource.FromIds([.. s_documents, .. s_documents, .. s_documents], "documents");
        LensTrainingOptions options = Still with
        {
            Steps = 8, EvaluateEvery = 4, CheckpointEvery = 3,
            Optimizer = new AdamWOptions { LearningRate = 0.02f, WeightDecay = 0 },
        };
        byte[] Train(string name, LensTrainingOptions options, int? stopAfter = null)
        {
            string at = Path.Combine(folder.Path, name);
            using var stop = new CancellationTokenSource();
            LensRun.Run(test.Model, "hash", s_thin, [0, 1], options, texts, at, new LensRunOptions
            {
                Stop = stop.Token,
                Progress = p =>
                {
                    if (p.Last.Step == stopAfter)
                        stop.Cancel();
                },
            });
            return stopAfter is null ? File.ReadAllBytes(Path.Combine(at, LensFolder.WeightsFile)) : [];
        }
        byte[] whole = Train("whole", options);
        Train("parts", options, stopAfter: 5);
        Assert.That(Train("parts", options), Is.EqualTo(whole));
        using var one = new TestModel("cpu512");
        Assert.That(Weights(Train("groups", options with { LayersAtOnce = 1 })), Is.EqualTo(Weights(whole)));

        // The metadata before the numbers names the layers of a group.
        static byte[] Weights(byte[] file) => file[(8 + (int)BitConverter.ToInt64(file))..];
    }

    [Test]
    public void Draws_depend_on_seed_pass_and_row_alone()
    {
        var ablation = new TrainingAblation(ToMean: false, Share: 0.4);
        string Of(IReadOnlyList<Edit> edits, int row) => string.Join(" ",
            edits.Where(e => e.Rows!.Contains(row)).Select(e => $"{e.Site}.{e.Head}"));
        IReadOnlyList<Edit> three = ablation.Edits([1, 0, 1], 5, 7, 4), two = ablation.Edits([1, 0], 5, 7, 4);
        foreach (int row in (int[])[0, 1])
            Assert.That(Of(two, row), Is.EqualTo(Of(three, row)).And.Not.Empty);
        int[] most = [.. Enumerable.Repeat(1, 400)];
        IReadOnlyList<Edit> alone = (ablation with { Share = 0 }).Edits(most, 5, 7, 4),
            many = ablation.Edits(most, 5, 7, 4);
        Assert.That(alone.Sum(e => e.Rows!.Count), Is.EqualTo(400), "one head a row");
        Assert.That(alone.Select(e => e.Operation), Is.All.EqualTo(EditOperation.Zero));
        Assert.That((ablation with { ToMean = true }).Edits(most, 5, 7, 4).Select(e => e.Operation),
            Is.All.EqualTo(EditOperation.Mean));
        Assert.That(alone, Has.Count.EqualTo(5));
        Assert.That(alone.Select(e => e.Rows!.Count), Is.All.GreaterThan(40));
        Assert.That(many.Sum(e => e.Rows!.Count), Is.EqualTo(400 * (1 + 4 * 0.4)).Within(80));
        Assert.That(ablation.Edits(most, 5, 8, 4)[0].Rows, Is.Not.EqualTo(many[0].Rows));
        Assert.That(ablation.Edits(most, 5, 7, 5)[0].Rows, Is.Not.EqualTo(many[0].Rows));
    }

    [Test]
    public void What_cannot_be_trained_so_is_refused()
    {
        using var test = new TestModel("cpu512");
        void Refused(string message, LensOptions kind, LensTrainingOptions options)
        {
            using LensSet lens = LensSet.Initial(test.Model, kind, [1], 54);
            UserException e = Assert.Throws<UserException>(
                () => new LensTrainer(lens, options.Validated(test.Model.Config),
                    Rows(test.Model, s_documents)).Dispose())!;
            Assert.That(Field.Plain(e.Message), Does.Contain(message));
        }
        Refused("reads the stream", s_thin with { Kind = LensKind.Tuned }, Still);
        Refused("reads the stream", s_thin with { Kind = LensKind.Residual }, Still);
        Refused("Bias none belongs to Ablation", s_thin, Still with { Ablation = null });
        Refused("have no biases; leave Bias out", s_thin with { Bias = LensBias.Divided }, Still);
        Refused("a step has 1 row", s_thin, Still with { BatchRows = 1, Accumulation = 1 });
        foreach (double share in (double[])[-0.1, 1, double.NaN])
            Refused("AblationShare is", s_thin, Still with { Ablation = new(false, share) });
    }

    static LensSet Moved(LanguageModel model)
    {
        LensSet lens = LensSet.Initial(model, s_thin, [.. Enumerable.Range(0, model.Config.Layers)], 54);
        foreach (int layer in lens.Layers)
        {
            Tensor weight = lens[layer].Parameters[0].Value;
            weight.Upload(Numbers.Normal(60 + layer, (int)weight.Length, 0, 0.3f));
        }
        return lens;
    }

    // KL(p_without || softmax(logits_whole + (z_without - z_whole) B)) at every position of a row, float64.
    static double[] Textbook(
        LanguageModel model, LayerLens lens, SequenceBatch rows, int row, IReadOnlyList<Edit> edits)
    {
        int V = model.Config.VocabSize, C = model.Config.Width, first = row * rows.T;
        var site = new Site(SiteKind.Z, lens.Layer);
        ((float[] whole, float[][] own), (float[] without, float[][] edited)) =
            (EditedRun.Of(model, rows, [], site), EditedRun.Of(model, rows, edits, site));
        (float[] z, float[] left) = (own[0], edited[0]);
        float[] b = lens.Parameters[0].Value.ToArray();
        return [.. Enumerable.Range(first, rows.Lengths[row]).Select(i =>
        {
            double[] target = CrossEntropyReference.LogSoftmax<double>(
                [.. without.Skip(i * V).Take(V).Select(x => (double)x)]);
            double[] guess = CrossEntropyReference.LogSoftmax<double>([.. Enumerable.Range(0, V).Select(v
                => whole[i * V + v] + Enumerable.Range(0, C).Sum(c
                    => ((double)left[i * C + c] - z[i * C + c]) * b[v * C + c]))]);
            return target.Zip(guess, (t, g) => Math.Exp(t) * (t - g)).Sum();
        })];
    }

    static DocumentRows Rows(LanguageModel model, int[][] documents)
        => new(DocumentSource.FromIds(documents, "documents"), model.Config,
            new RowOptions(9), 5);
}
