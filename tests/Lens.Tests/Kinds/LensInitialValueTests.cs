using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Reference;
using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Lens.Tests;

/// <summary>Before training every kind is a lens that is known: the identities between them.</summary>
public class LensInitialValueTests
{
    static readonly ModelConfig OneHead = TestModel.Small with { Heads = 1 };

    [Test, Combinatorial]
    public void One_head_at_first_values_is_the_logit_lens(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device,
        [Values(LensInitial.Folded, LensInitial.Raw)] LensInitial initial,
        [Values(3, 23)] int positions)
    {
        using LensCase head = Case(device, LensKind.Head, positions, initial, OneHead),
            logit = Case(device, LensKind.Logit, positions, initial, OneHead);
        double[] exact = logit.Oracle.Logits(logit.ExactSight, logit.Exact);
        float[] plain = logit.Oracle.Logits(logit.Sight, logit.Plain);
        Agreement.AtMostTwiceFloat32("head", exact, plain, head.HeadLogits(0));
        Agreement.AtMostTwiceFloat32("logit", exact, plain, logit.HeadLogits(0));
        Agreement.AtMostTwiceFloat32("sum, logit", exact, plain, logit.Logits());
        // Through z W_O W_U is made first, so its yardstick makes it first too.
        if (positions > 20)
            plain = Oracle(head, "thin").Logits(head.Sight, ThroughZ(head));
        Agreement.AtMostTwiceFloat32("sum, head", exact, plain, head.Logits());
    }

    [Test]
    public void The_raw_logit_lens_is_the_models_head()
    {
        using LensCase logit = Case("cpu512", LensKind.Logit, 3, LensInitial.Raw);
        Assert.That(logit.Plain["weight"], Is.EqualTo(logit.Sight.Unembedding));
        Assert.That(logit.Plain["bias"], Is.All.Zero);
        using LensCase folded = Case("cpu512", LensKind.Logit, 3, LensInitial.Folded);
        Assert.That(folded.Plain["weight"], Is.Not.EqualTo(logit.Plain["weight"]));
        Assert.That(folded.Plain["bias"], Is.Not.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Thin_and_head_agree(string device)
    {
        using LensCase head = Case(device, LensKind.Head, 3), thin = Case(device, LensKind.Thin, 3);
        double[] exact = head.Oracle.Logits(head.ExactSight, head.Exact);
        float[] plain = head.Oracle.Logits(head.Sight, head.Plain);
        Agreement.AtMostTwiceFloat32("head", exact, plain, head.Logits());
        Agreement.AtMostTwiceFloat32("thin", exact, thin.Oracle.Logits(thin.Sight, ThroughZ(head)),
            thin.Logits());
    }

    [Test]
    public void Heads_begin_with_the_bias_each_or_with_their_share_of_it()
    {
        LensKind[] kinds = [LensKind.Head, LensKind.Thin, LensKind.LowRank, LensKind.Shared];
        foreach (LensKind kind in kinds)
        {
            float[] unembedding = Unembedding().Bias;
            using LensCase each = Case("cpu512", kind, 3);
            Assert.That(each.Plain["bias"], Is.EqualTo(Array.ConvertAll(unembedding, b => 4 * b)), $"{kind}");
            using LensCase share = new("cpu512", LensKindTests.Options(kind) with { Bias = LensBias.Divided },
                3, 0);
            Assert.That(share.Plain["bias"], Is.EqualTo(unembedding), $"{kind}");
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Residual_is_the_logit_lens_of_the_stream_after_attention(string device)
    {
        using LensCase lens = Case(device, LensKind.Residual, 3);
        using LensCase head = Case(device, LensKind.Shared, 3); // W_U once
        float[] W = head.Plain["weight"], throughZ = ThroughZ(W, lens.Sight);
        int V = 37, C = 20;
        float[] both = new float[2 * V * C];
        for (int v = 0; v < V; v++)
        {
            W.AsSpan(v * C, C).CopyTo(both.AsSpan(2 * v * C));
            throughZ.AsSpan(v * C, C).CopyTo(both.AsSpan((2 * v + 1) * C));
        }
        double[] stream = lens.Oracle.StreamAfter(lens.ExactSight);
        float[] plain = lens.Oracle.Logits(lens.Sight,
            new Dictionary<string, float[]> { ["weight"] = both, ["bias"] = lens.Plain["bias"] });
        Agreement.AtMostTwiceFloat32("logits but for a constant a position",
            Centred(lens.Oracle.ModelLogits(lens.ExactSight, stream)),
            Narrow(Centred(Numbers.Wide(plain))), Narrow(Centred(Numbers.Wide(lens.Logits()))));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Tuned_is_the_models_head_on_the_stream_before_the_layer(string device)
    {
        using LensCase lens = Case(device, LensKind.Tuned, 3);
        Agreement.AtMostTwiceFloat32("logits",
            lens.Oracle.ModelLogits(lens.ExactSight, lens.ExactSight.Before),
            lens.Oracle.ModelLogits(lens.Sight, lens.Sight.Before), lens.Logits());
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Low_rank_of_full_rank_is_head(string device)
    {
        using LensCase head = Case(device, LensKind.Head, 3);
        using var low = new LensCase(device, new() { Kind = LensKind.LowRank, Rank = 20 }, 3, 0);
        Agreement.AtMostTwiceFloat32("logits", head.Oracle.Logits(head.ExactSight, head.Exact),
            low.Oracle.Logits(low.Sight, low.Plain), low.Logits());
    }

    [TestCase(1), TestCase(7), TestCase(18)] // folded, W_U has a rank of 19
    public void Low_rank_leaves_out_the_least_that_its_rank_can(int rank)
    {
        using var low = new LensCase("cpu512", new() { Kind = LensKind.LowRank, Rank = rank }, 3, 0);
        int V = 37, C = 20, H = 4;
        (float[] W, _) = Unembedding();
        float[] down = low.Plain["down"], weight = low.Plain["weight"];
        Matrix<double> exact = Matrix<double>.Build.Dense(V, C, (v, c) => W[v * C + c]);
        double[] eigenvalues = [.. exact.TransposeThisAndMultiply(exact).Evd(Symmetricity.Symmetric)
            .EigenValues.Select(e => e.Real).Order()];
        for (int h = 0; h < H; h++)
        {
            var map = Matrix<double>.Build.Dense(V, rank, (v, k) => weight[(v * H + h) * rank + k])
                * Matrix<double>.Build.Dense(rank, C, (k, c) => down[(h * C + c) * rank + k]);
            double error = Math.Pow((exact - map).FrobeniusNorm(), 2), least = eigenvalues[..^rank].Sum();
            // The directions come from sums of V float32 products: what these can move an eigenvalue.
            double rounding = V * 1.2e-7 * eigenvalues.Sum();
            Assert.That(Math.Abs(error - least) <= rounding, Is.True,
                $"head {h}: {error:R}, least {least:R}");
            Assert.That(least, Is.GreaterThan(10 * rounding), "something is left out");
        }
    }

    [Test]
    public void Directions_of_a_low_rank_point_to_their_largest_entry()
    {
        using var test = new TestModel("cpu512");
        using LensSet lens = LensSet.Initial(
            test.Model, new() { Kind = LensKind.LowRank, Rank = 6 }, [1], 3);
        float[] down = lens[1].Parameters.Single(p => p.Name == "down").Value.ToArray(); // [H, C, r]
        for (int k = 0; k < 6; k++)
        {
            float[] direction = [.. Enumerable.Range(0, 20).Select(c => down[c * 6 + k])];
            Assert.That(direction.MaxBy(MathF.Abs), Is.Positive, $"{k}");
            Assert.That(direction.Sum(v => v * v), Is.EqualTo(1).Within(1e-5));
        }
    }

    [Test]
    public void Zero_says_that_every_token_is_as_likely()
    {
        foreach (LensKind kind in Enum.GetValues<LensKind>())
        {
            // A lens of effects reads the last stream too: EffectLensTests.
            if (kind is LensKind.Tuned or LensKind.Logit or LensKind.Jacobian or LensKind.Effect)
                continue;
            using LensCase lens = Case("cpu512", kind, 3, LensInitial.Zero);
            Assert.That(lens.Logits(), Is.All.Zero, $"{kind}");
        }
    }

    [Test]
    public void What_cannot_begin_is_refused_in_one_line()
    {
        BadInput.Refused(() => Make(new() { Kind = LensKind.LowRank, Rank = 21 }),
            "Rank is 21; expected 1 to the model's width 20");
        BadInput.Refused(() => Make(new() { Kind = LensKind.LowRank, Rank = 0 }), "Rank is 0");
        BadInput.Refused(() => Make(new() { Kind = LensKind.Logit, Initial = LensInitial.Zero }),
            "a logit lens of zeros says nothing");
        static void Make(LensOptions options) => new LensCase("cpu512", options, 3).Dispose();
    }

    static LensCase Case(string device, LensKind kind, int positions,
        LensInitial initial = LensInitial.Folded, ModelConfig? config = null)
        => new(device, LensKindTests.Options(kind) with { Initial = initial }, positions, 0, config);

    static LensReference Oracle(LensCase lens, string kind)
        => new(kind, lens.Config.Heads, lens.Config.LayerNormEpsilon);

    static (float[] Weight, float[] Bias) Unembedding()
    {
        using LensCase logit = Case("cpu512", LensKind.Logit, 3);
        return (logit.Plain["weight"], logit.Plain["bias"]);
    }

    // A thin lens' parameters from those of a head lens at first values, in plain loops.
    static Dictionary<string, float[]> ThroughZ(LensCase head)
    {
        int C = head.Config.Width, H = head.Config.Heads, V = head.Config.VocabSize;
        float[] W = new float[V * C];
        for (int v = 0; v < V; v++)
            head.Plain["weight"].AsSpan(v * H * C, C).CopyTo(W.AsSpan(v * C));
        return new() { ["weight"] = ThroughZ(W, head.Sight), ["bias"] = head.Plain["bias"] };
    }

    static float[] ThroughZ(float[] W, LensSight<float> at)
        => MatMulReference.Transposed(W, at.Projection, W.Length / at.Gain.Length,
            at.Gain.Length, at.Gain.Length);

    static double[] Centred(double[] logits)
    {
        double[] centred = (double[])logits.Clone();
        for (int start = 0; start < logits.Length; start += 37)
        {
            double mean = logits.AsSpan(start, 37).ToArray().Average();
            for (int v = start; v < start + 37; v++)
                centred[v] -= mean;
        }
        return centred;
    }

    static float[] Narrow(double[] values) => Array.ConvertAll(values, v => (float)v);
}
