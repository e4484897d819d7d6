using HeadTap.Kernels.Tests;
using HeadTap.Reference;

namespace HeadTap.Lens.Tests;

/// <summary>Every kind of lens against its equation in float64: logits, losses, gradients.</summary>
public class LensKindTests
{
    const float Scale = 0.25f;

    // A Jacobian lens is not trained (JacobianLensTests), a lens of effects reads changes (EffectLensTests).
    static readonly LensKind[] Kinds =
        [.. Enum.GetValues<LensKind>().Where(k => k is not (LensKind.Jacobian or LensKind.Effect))];

    // Fewer and more positions than a head is wide (5): a head lens then goes another way.
    static readonly int[] Positions = [3, 11];

    [Test, Combinatorial]
    public void Logits_losses_and_gradients_are_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))] string device,
        [ValueSource(nameof(Kinds))] LensKind kind, [ValueSource(nameof(Positions))] int positions)
        => AssertExact(device, kind, positions);

    [TestCase(LensKind.LowRank, 6)]
    public void On_the_simulator_too(LensKind kind, int positions)
        => AssertExact("simulator", kind, positions);

    [TestCaseSource(nameof(Kinds))]
    public void The_oracle_gradients_agree_with_finite_differences(LensKind kind)
    {
        using var lens = new LensCase("cpu512", Options(kind), 2);
        (LensSight<double> at, Dictionary<string, double[]> values) = (lens.ExactSight, lens.Exact);
        double[] target = Numbers.Wide(lens.Target);
        foreach ((string name, double[] gradient) in lens.Oracle.Gradients(at, values, target, Scale))
            Agreement.Differences($"{kind} {name}",
                () => Scale * lens.Oracle.Losses(at, values, target).Sum(), values[name], gradient);
    }

    [Test, Combinatorial]
    public void Heads_add_up_to_the_sum(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device,
        [Values(LensKind.Head, LensKind.Thin, LensKind.LowRank, LensKind.Shared)] LensKind kind,
        [ValueSource(nameof(Positions))] int positions)
    {
        using var lens = new LensCase(device, Options(kind), positions);
        double[] exact = lens.Oracle.Logits(lens.ExactSight, lens.Exact);
        float[] plain = lens.Oracle.Logits(lens.Sight, lens.Plain), sum = new float[plain.Length];
        for (int h = 0; h < lens.Config.Heads; h++)
            sum = Sum(sum, lens.HeadLogits(h));
        Agreement.AtMostTwiceFloat32("sum of heads", exact, plain, sum);
    }

    [Test]
    public void A_residual_lens_is_its_heads_and_the_stream()
    {
        using var lens = new LensCase("cpu512", Options(LensKind.Residual), 3);
        var zeroed = new Dictionary<string, double[]>(lens.Exact); // without the heads' part
        int C = lens.Config.Width;
        for (int i = 0; i < zeroed["weight"].Length; i++)
            if (i / C % 2 == 1)
                zeroed["weight"][i] = 0;
        double[] stream = lens.Oracle.Logits(lens.ExactSight, zeroed);
        float[] sum = Array.ConvertAll(stream, v => (float)v);
        for (int h = 0; h < lens.Config.Heads; h++)
            sum = Sum(sum, lens.HeadLogits(h));
        Agreement.AtMostTwiceFloat32("stream and heads", lens.Oracle.Logits(lens.ExactSight, lens.Exact),
            lens.Oracle.Logits(lens.Sight, lens.Plain), sum);
    }

    [TestCase(1), TestCase(7), TestCase(16), TestCase(37)]
    public void The_size_of_a_chunk_is_rounding_alone(int chunk)
    {
        using LensCase lens = new("cpu512", Options(LensKind.LowRank), 3);
        AssertStep(lens, chunk);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void A_head_lens_reads_the_same_through_results_and_through_z(string device)
    {
        using var lens = new LensCase(device, Options(LensKind.Head), 11);
        float[] throughZ = lens.Logits();
        Assert.That(lens.Lens.FeatureWidth, Is.EqualTo(20), "through z");
        float[] throughResults = lens.Logits(prepared: 5);
        Assert.That(lens.Lens.FeatureWidth, Is.EqualTo(80), "through results");
        double[] exact = lens.Oracle.Logits(lens.ExactSight, lens.Exact);
        float[] plain = lens.Oracle.Logits(lens.Sight, lens.Plain);
        Agreement.AtMostTwiceFloat32("through z", exact, plain, throughZ);
        Agreement.AtMostTwiceFloat32("through results", exact, plain, throughResults);
    }

    [Test]
    public void Changed_parameters_count_once_they_are_prepared()
    {
        foreach (LensKind kind in (LensKind[])[LensKind.Head, LensKind.LowRank])
        {
            using var lens = new LensCase("cpu512", Options(kind), 11);
            float[] before = lens.Logits();
            foreach (LensParameter p in lens.Lens.Parameters)
                p.Value.Upload(Array.ConvertAll(p.Value.ToArray(), v => 2 * v));
            float factor = kind == LensKind.Head ? 2 : 4; // two matrices in a row
            float[] bias = lens.Plain["bias"], after = lens.Logits();
            Assert.That(after[5] - 2 * bias[5], Is.EqualTo(factor * (before[5] - bias[5])).Within(1e-4));
        }
    }

    internal static LensOptions Options(LensKind kind) => new() { Kind = kind, Rank = 3 };

    static void AssertExact(string device, LensKind kind, int positions)
    {
        using var lens = new LensCase(device, Options(kind), positions);
        Agreement.AtMostTwiceFloat32("logits", lens.Oracle.Logits(lens.ExactSight, lens.Exact),
            lens.Oracle.Logits(lens.Sight, lens.Plain), lens.Logits());
        AssertStep(lens, 16);
    }

    static void AssertStep(LensCase lens, int chunk)
    {
        (float[] losses, Dictionary<string, float[]> gradients) = lens.Step(chunk, Scale);
        double[] target = Numbers.Wide(lens.Target);
        Dictionary<string, double[]> exact =
            lens.Oracle.Gradients(lens.ExactSight, lens.Exact, target, Scale);
        Dictionary<string, float[]> plain = lens.Oracle.Gradients(lens.Sight, lens.Plain, lens.Target, Scale);
        Assert.That(gradients.Keys, Is.EquivalentTo(exact.Keys));
        Agreement.PassAtMostTwiceFloat32([
            ("losses", lens.Oracle.Losses(lens.ExactSight, lens.Exact, target),
                lens.Oracle.Losses(lens.Sight, lens.Plain, lens.Target), losses),
            .. gradients.Select(g => ($"gradient of {g.Key}", exact[g.Key], plain[g.Key], g.Value))]);
    }

    static float[] Sum(float[] a, float[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
