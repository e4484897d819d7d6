using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

/// <summary>Reading streams and heads through a Jacobian.</summary>
public sealed class JacobianLensTests
{
    static readonly ModelConfig Config =
        new() { VocabSize = 37, ContextLength = 23, Width = 20, Layers = 3, Heads = 4, Inner = 28 };

    [Test]
    public void The_identity_is_the_logit_lens_of_the_stream([Values] JacobianSite site)
    {
        using var test = new TestModel("cpu512", Config);
        int[] tokens = test.Tokens(3, 9);
        Seen seen = Read(test, tokens, site, layer: 1, null);
        float[] stream = Recorded(test, tokens, site.At(1));
        Agreement.AtMostTwiceFloat32($"{site}", Logits(test, Wide(stream)),
            Narrow(Logits(test, Wide(stream), single: true)), seen.Whole);
    }

    [Test]
    public void The_identity_at_the_last_stream_gives_the_models_own_logits()
    {
        using var test = new TestModel("cpu512", Config);
        int[] tokens = test.Tokens(3, 9);
        Assert.That(Read(test, tokens, JacobianSite.ResidPost, 2, null).Whole,
            Is.EqualTo(Recorded(test, tokens, new Site(SiteKind.Logits))));
    }

    [Test]
    public void Heads_and_the_rest_of_the_stream_sum_to_the_whole(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device)
    {
        using var test = new TestModel(device, Config);
        int[] tokens = test.Tokens(5, 6);
        int n = tokens.Length, C = Config.Width, V = Config.VocabSize;
        float[] J = Numbers.Normal(17, C * C);
        Seen seen = Read(test, tokens, JacobianSite.ResidMid, 1, J);
        double[] mid = Wide(Recorded(test, tokens, Site.ResidMid(1)));
        double[] results = Wide(Recorded(test, tokens, Site.Result(1)));
        double[] exact = new double[n * V];
        for (int t = 0; t < n; t++)
        {
            double[] moved = Moved(J, mid, t);
            double scale = Scale(moved);
            for (int h = 0; h < Config.Heads; h++)
            {
                double[] own = Shares(test, Moved(J, results, t * Config.Heads + h), scale);
                for (int v = 0; v < V; v++)
                    Assert.That(seen.Heads[h][t * V + v],
                        Is.EqualTo(own[v]).Within(Bound(own)), $"{t} {h} {v}");
            }
            double[] rest = Shares(test, Moved(J, Rest(mid, results, t), 0), scale);
            double[] shift = Unembedded(test, Wide(test.Model.Weights.FinalNormBias.ToArray()));
            for (int v = 0; v < V; v++)
                exact[t * V + v] = rest[v] + shift[v]
                    + Enumerable.Range(0, Config.Heads).Sum(h => (double)seen.Heads[h][t * V + v]);
        }
        for (int i = 0; i < exact.Length; i++)
            Assert.That(seen.Whole[i], Is.EqualTo(exact[i]).Within(Bound(exact)), $"{i}");
    }

    [Test]
    public void A_reading_has_the_same_words_as_the_stream_itself()
    {
        using var test = new TestModel("cpu512", Config);
        using var folder = new TemporaryFolder();
        Write(test, folder["lens"], JacobianSite.ResidMid, [0, 1, 2]);
        LensSource source = LensSource.Find(folder["lens"], Config, Hash);
        Assert.That(source.ReadsHeads, Is.True);
        int[] tokens = test.Tokens(3, 9);
        LensReadings read = LensReadings.OfPrompt(
            test.Model, source, new LensRequest([1], [0, 3], 5), tokens, [2, 8]);
        Assert.That(read.Learned[0].Heads, Has.Count.EqualTo(2));
        float[] plain = Read(test, tokens, JacobianSite.ResidMid, 1, null).Whole;
        int best = Enumerable.Range(0, Config.VocabSize).MaxBy(v => plain[8 * Config.VocabSize + v]);
        Assert.That(read.Baseline[0].Whole[1].Top[0].Id, Is.EqualTo(best), "the baseline is J = I");
    }

    [Test]
    public void An_evaluation_has_the_logit_lens_of_the_same_stream_beside_it([Values] JacobianSite site)
    {
        using var test = new TestModel("cpu512", Config);
        using var folder = new TemporaryFolder();
        Write(test, folder["lens"], site, [0, 1]);
        LensSource source = LensSource.Find(folder["lens"], Config, Hash);
        Assert.That(source.ReadsHeads, Is.EqualTo(site == JacobianSite.ResidMid));
        LayerScore score = LensEvaluation.Run(test.Model, source, [1], [test.Tokens(1, 8), test.Tokens(2, 5)],
            null, new LensEvaluationOptions { Positions = PositionChoice.All }).Layers[0];
        using (LensSet identity = LensSet.Initial(test.Model, source.Options, [0, 1], 1))
            Save(identity, folder["plain"]);
        LayerScore plain = LensEvaluation.Run(test.Model, LensSource.Find(folder["plain"], Config, Hash), [1],
            [test.Tokens(1, 8), test.Tokens(2, 5)], null,
            new LensEvaluationOptions { Positions = PositionChoice.All }).Layers[0];
        Assert.That(score.LogitLens, Is.EqualTo(plain.Lens));
        Assert.That(score.Lens.Kl, Is.Not.EqualTo(plain.Lens.Kl));
        Assert.That(score.Heads, Has.Count.EqualTo(site == JacobianSite.ResidMid ? 4 : 0));
    }

    const string Hash = "hash of the model";

    sealed record Seen(float[] Whole, float[][] Heads);

    static void Write(TestModel test, string folder, JacobianSite site, int[] layers)
    {
        using LensSet lens = LensSet.Initial(
            test.Model, new() { Kind = LensKind.Jacobian, Site = site }, layers, 1);
        foreach (int layer in layers)
            lens[layer].Parameters[0].Value.Upload(Numbers.Normal(layer, 400));
        Save(lens, folder);
    }

    static void Save(LensSet lens, string folder)
        => LensFolder.Save(folder, LensMetadata.Of(lens, Hash), lens, lens.Layers.ToHashSet());

    // At all positions; J null is the identity.
    static Seen Read(TestModel test, int[] tokens, JacobianSite site, int layer, float[]? J)
    {
        int n = tokens.Length, V = Config.VocabSize, C = Config.Width;
        using LensSet set = LensSet.Initial(
            test.Model, new() { Kind = LensKind.Jacobian, Site = site }, [layer], n);
        LayerLens lens = set[layer];
        if (J is not null)
            lens.Parameters[0].Value.Upload(J);
        using var at = new LensActivations(test.Model, [layer], [LensKind.Jacobian], 1, n, n);
        at.Add(new SequenceBatch([tokens]), [.. Enumerable.Range(0, n)]);
        using var arena = new TensorArena(test.Model.Device, 1 << 14);
        lens.Prepare(n);
        Tensor x = arena.Cut("x", n, C), own = arena.Cut("own", n, C), logits = arena.Cut("logits", n, V);
        lens.Features(at.Of(layer), x);
        lens.Map.Logits(test.Model.Ops, x, 0, logits);
        float[] whole = logits.ToArray();
        var heads = new List<float[]>();
        for (int h = 0; lens.ReadsHeads && h < Config.Heads; h++)
        {
            lens.HeadFeatures(at.Of(layer), x, h, own);
            lens.HeadMap(h, null).Logits(test.Model.Ops, own, 0, logits);
            heads.Add(logits.ToArray());
        }
        return new(whole, [.. heads]);
    }

    static float[] Recorded(TestModel test, int[] tokens, Site site)
    {
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxTokens = tokens.Length, Record = [site],
        });
        session.Forward(new SequenceBatch([tokens]));
        return session.Recordings[site].ToArray();
    }

    // h J^T of row t.
    static double[] Moved(float[] J, double[] rows, int t)
    {
        int C = Config.Width;
        return [.. Enumerable.Range(0, C).Select(i =>
            Enumerable.Range(0, C).Sum(j => rows[t * C + j] * J[i * C + j]))];
    }

    static double Scale(double[] x)
    {
        double mean = x.Average();
        return Math.Sqrt(x.Average(v => (v - mean) * (v - mean)) + Config.LayerNormEpsilon);
    }

    static double[] Rest(double[] mid, double[] results, int t)
    {
        int C = Config.Width;
        return [.. Enumerable.Range(0, C).Select(c => mid[t * C + c]
            - Enumerable.Range(0, Config.Heads).Sum(h => results[(t * Config.Heads + h) * C + c]))];
    }

    // W_U (gain * (x - mean) / s)
    static double[] Shares(TestModel test, double[] x, double scale)
    {
        float[] gain = test.Model.Weights.FinalNormWeight.ToArray();
        double mean = x.Average();
        return Unembedded(test, [.. x.Select((v, c) => gain[c] * (v - mean) / scale)]);
    }

    static double[] Unembedded(TestModel test, double[] x)
    {
        float[] head = test.Model.Weights.Head.ToArray();
        return [.. Enumerable.Range(0, Config.VocabSize).Select(v =>
            x.Select((value, c) => value * head[v * x.Length + c]).Sum())];
    }

    // Of the stream through LayerNorm and unembedding; single: rounded to float32 after each step.
    static double[] Logits(TestModel test, double[] stream, bool single = false)
    {
        int C = Config.Width;
        float[] gain = test.Model.Weights.FinalNormWeight.ToArray();
        float[] shift = test.Model.Weights.FinalNormBias.ToArray();
        return [.. stream.Chunk(C).SelectMany(row =>
        {
            double mean = row.Average(), scale = Scale(row);
            double[] x = [.. row.Select((v, c) => gain[c] * ((v - mean) / scale) + shift[c])];
            return Unembedded(test, single ? [.. x.Select(v => (double)(float)v)] : x);
        })];
    }

    // Sums of C products twice, each with a relative error of half a float32 step of the largest term.
    static double Bound(double[] values) => 2 * Config.Width * 1.2e-7 * Math.Max(1, values.Max(Math.Abs));

    static double[] Wide(float[] values) => Numbers.Wide(values);

    static float[] Narrow(double[] values) => Array.ConvertAll(values, v => (float)v);
}
