using System.Runtime.InteropServices;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AdamW8BitTests
{
    const int Steps = 3;

    // One weight; a block; one past it; two blocks and a ragged end.
    static readonly int[] Lengths = [1, 256, 257, 521];

    static readonly AdamWStep Adam = new(0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, 1);

    [Test, Combinatorial]
    public void A_step_is_as_exact_as_float32_allows_and_codes_are_the_nearest(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Lengths))] int n)
    {
        const float gradientScale = 0.125f;
        using var arena = new TensorArena(TestDevice.Open(device), 5L * n + 256);
        var ops = new Ops(arena.Device);
        var state = new State(arena, n);
        int ambiguous = 0;
        for (int t = 1; t <= Steps; t++)
        {
            float[] g = Gradient(t, n);
            AdamWStep step = Adam with { Step = t, GradientScale = gradientScale };
            // From the op's own codes, so that a code at a border does not part the two for good.
            AdamW8BitReference<double> exact = state.Copy(v => (double)v);
            AdamW8BitReference<float> plain = state.Copy(v => v);
            Reach reach = Reach.Of(exact, g, step);
            Textbook(exact, Wide(g), step);
            Textbook(plain, g, step);
            state.Step(ops, g, step);
            Agreement.AtMostTwiceFloat32("weight", exact.Weight, plain.Weight, state.Weight.ToArray());
            Agreement.AtMostTwiceFloat32("units", exact.Units, plain.Units, state.Units.ToArray());
            ambiguous += AssertNearest("m", exact.NewM, reach.M, exact.Units, 0, state.M.ToArray());
            ambiguous += AssertNearest("v", exact.NewV, reach.V, exact.Units, 1, state.V.ToArray());
        }
        Assert.That(ambiguous, Is.LessThanOrEqualTo(Steps * n / 100), "codes that float32 leaves open");
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Slices_of_whole_blocks_give_the_bits_of_one_call(string device)
    {
        const int n = 600;
        using var arena = new TensorArena(TestDevice.Open(device), 12L * n + 1024);
        var ops = new Ops(arena.Device);
        State whole = new(arena, n), cut = new(arena, n);
        for (int t = 1; t <= 3; t++)
        {
            whole.Step(ops, Gradient(t, n), Adam with { Step = t });
            cut.Gradient.Upload(Gradient(t, n));
            foreach ((int first, int count) in ((int, int)[])[(0, 512), (512, 88)])
                ops.AdamW8Bit(cut.Gradient.Slice("gradient", first, count),
                    cut.Weight.Slice("weight", first, count),
                    cut.M.Slice("m", first / 4, count / 4), cut.V.Slice("v", first / 4, count / 4),
                    cut.Units.Slice("units", first / 128, (count + 255) / 256 * 2),
                    Adam with { Step = t });
        }
        Assert.That(cut.Bits(), Is.EqualTo(whole.Bits()));
    }

    [Test]
    public void The_result_does_not_depend_on_threads_or_vectors()
    {
        const int n = 3 * 16384 + 77;
        int threads = HostThreads.Count;
        var results = new List<int[]>();
        try
        {
            foreach (string width in TestDevice.Hosts)
            {
                foreach (int count in (int[])[1, 3])
                {
                    using var arena = new TensorArena(TestDevice.Open(width), 5L * n + 1024);
                    HostThreads.Count = count;
                    var state = new State(arena, n);
                    for (int t = 1; t <= 2; t++)
                        state.Step(new Ops(arena.Device), Gradient(t, n), Adam with { Step = t });
                    results.Add(state.Bits());
                }
            }
        }
        finally
        {
            HostThreads.Count = threads;
        }
        foreach (int[] other in results[1..])
            Assert.That(other.AsSpan().SequenceEqual(results[0]), Is.True);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_small_second_moment_does_not_blow_up_the_step(string device)
    {
        // v of the second weight is 1e-12 of the first's: the nearest code is 0, and m is not. The next
        // step would then be m / epsilon, ten thousand learning rates.
        using var arena = new TensorArena(TestDevice.Open(device), 256);
        var ops = new Ops(arena.Device);
        var state = new State(arena, 2);
        float[] before = state.Weight.ToArray();
        AdamWStep step = Adam with { WeightDecay = 0 };
        state.Step(ops, [1e3f, 1e-3f], step);
        Assert.That(MemoryMarshal.AsBytes<int>(state.V.ToArray())[1], Is.EqualTo(1), "code of v");
        Assert.That(MemoryMarshal.Cast<int, sbyte>(state.M.ToArray())[1], Is.EqualTo(4), "code of m");
        for (int t = 2; t <= 20; t++)
            state.Step(ops, [1e3f, 0], step with { Step = t });
        Assert.That(Math.Abs(state.Weight.ToArray()[1] - before[1]) <= 20 * Adam.LearningRate, Is.True);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_block_without_gradient_only_decays(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 1024);
        var ops = new Ops(arena.Device);
        var state = new State(arena, 40);
        state.Weight.Upload(Ones(40));
        state.Step(ops, new float[40], Adam with { LearningRate = 0.5f, WeightDecay = 0.5f });
        Assert.That(state.Weight.ToArray(), Is.All.EqualTo(0.75f));
        Assert.That(state.M.ToArray(), Is.All.Zero);
        Assert.That(state.V.ToArray(), Is.All.Zero);
        Assert.That(state.Units.ToArray(), Is.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void NaN_takes_its_block_and_no_other(string device)
    {
        const int n = 512;
        using var arena = new TensorArena(TestDevice.Open(device), 5L * n + 1024);
        var ops = new Ops(arena.Device);
        var state = new State(arena, n);
        float[] g = Gradient(1, n);
        g[300] = float.NaN;
        state.Step(ops, g, Adam);
        state.Step(ops, Gradient(2, n), Adam with { Step = 2 });
        float[] w = state.Weight.ToArray();
        Assert.That(w[..256], Is.All.Matches<float>(float.IsFinite));
        Assert.That(w[256..], Is.All.NaN);
    }

    [Test]
    public void A_quadratic_is_descended_as_with_float32_moments()
    {
        // Curvatures from 1 to 1e-4 in one block, steps that shrink.
        const int n = 256, steps = 400;
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 5L * n + 256);
        var ops = new Ops(arena.Device);
        var state = new State(arena, n);
        double[] w = Wide(state.Weight.ToArray()), m = new double[n], v = new double[n];
        double[] curvature = [.. Enumerable.Range(0, n).Select(i => Math.Pow(10, -4.0 * i / n))];
        double Loss(IEnumerable<double> at) => at.Select((x, i) => curvature[i] * x * x).Sum();
        double start = Loss(w);
        for (int t = 1; t <= steps; t++)
        {
            AdamWStep step =
                Adam with { Step = t, WeightDecay = 0, LearningRate = 0.02f * (1 - t / (steps + 1f)) };
            double[] at = w;
            AdamWReference.Step([.. curvature.Select((c, i) => c * at[i])], w, m, v,
                step.LearningRate, step.Beta1, step.Beta2, step.Epsilon, 0, t, 1);
            float[] own = state.Weight.ToArray();
            state.Step(ops, [.. curvature.Select((c, i) => (float)c * own[i])], step);
        }
        double left = Loss(w) / start, leftCoded = Loss(Wide(state.Weight.ToArray())) / start;
        Assert.That(leftCoded <= 2 * left + 1e-6, Is.True, $"{leftCoded:E2} of the loss, float64 {left:E2}");
    }

    [Test]
    public void Wrong_shapes_are_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 4096);
        var ops = new Ops(arena.Device);
        Tensor w = arena.Cut("w", 257), units = arena.Cut("units", 4);
        IndexTensor codes = arena.CutIndices("codes", 65), few = arena.CutIndices("few", 64);
        Assert.That(() => ops.AdamW8Bit(arena.Cut("g", 256), w, codes, codes, units, Adam),
            Throws.ArgumentException.With.Message.Contains("AdamW8Bit: g [256] must have the length"));
        Assert.That(() => ops.AdamW8Bit(w, w, codes, few, units, Adam),
            Throws.ArgumentException.With.Message.Contains("few [64] need 65 ints"));
        Assert.That(() => ops.AdamW8Bit(w, w, codes, codes, arena.Cut("short", 2), Adam),
            Throws.ArgumentException.With.Message.Contains("short [2] needs 4 numbers"));
        Assert.That(() => ops.AdamW8Bit(w, w, codes, codes, units, Adam with { Step = 0 }),
            Throws.ArgumentException.With.Message.Contains("step 0"));
    }

    // As in AdamWTests: zeros, tiny and large gradients in one block.
    static float[] Gradient(int t, int n)
        => [.. Normal(10 + t, n).Select((g, i) => (i % 5) switch { 3 => 0f, 4 => g * 1e-4f, _ => g * 10 })];

    static void Textbook<T>(AdamW8BitReference<T> state, T[] g, AdamWStep s)
        where T : System.Numerics.IFloatingPointIeee754<T>
        => state.Step(g, s.LearningRate, s.Beta1, s.Beta2, s.Epsilon, s.WeightDecay, s.Step, s.GradientScale);

    /// <summary>
    /// Every code is the nearest to a moment that float32 may have found, <paramref name="reach"/> either
    /// way.
    /// </summary>
    /// <returns>Codes that this leaves open, at a border between two.</returns>
    static int AssertNearest(
        string name, double[] exact, double[] reach, double[] units, int ofUnit, int[] packed)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes<int>(packed);
        int open = 0;
        for (int i = 0; i < exact.Length; i++)
        {
            double unit = units[2 * (i / 256) + ofUnit];
            int code = ofUnit == 0 ? (sbyte)bytes[i] : bytes[i];
            int low = Code(exact[i] - reach[i], unit * (1 + Reach.Share));
            int high = Code(exact[i] + reach[i], unit * (1 - Reach.Share));
            if (ofUnit == 1 && exact[i] > 0)
                (low, high) = (Math.Max(low, 1), Math.Max(high, 1));
            (low, high) = (Math.Min(low, high), Math.Max(low, high));
            Assert.That(code, Is.InRange(low, high), $"{name}[{i}] of {exact[i]:R}, unit {unit:R}");
            open += low == high ? 0 : 1;
        }
        for (int i = exact.Length; i < bytes.Length; i++)
            Assert.That(bytes[i], Is.Zero, "no code past the last weight");
        return open;
    }

    static int Code(double x, double unit)
        => Math.Sign(x) * EightBitCode.Nearest(Math.Abs(x), unit);

    /// <summary>
    /// How far a float32 moment may be from the exact one: sixteen roundings of the larger of its terms. They
    /// may cancel, so it is no share of the moment itself.
    /// </summary>
    sealed record Reach(double[] M, double[] V)
    {
        public const double Share = 16 * 6e-8;

        internal static Reach Of(AdamW8BitReference<double> before, float[] g, AdamWStep s)
        {
            static double Fourth(double x) => x * x * x * x;
            double[] old = before.Units;
            return new(
                [.. g.Select((x, i) => Share * (Fourth(before.M[i] * old[i / 256 * 2])
                    + (1 - s.Beta1) * Math.Abs(x * s.GradientScale)))],
                [.. g.Select((x, i) => Share * (Fourth(before.V[i] * old[i / 256 * 2 + 1])
                    + (1 - s.Beta2) * x * x * s.GradientScale * s.GradientScale))]);
        }
    }

    /// <summary>What a step reads and writes.</summary>
    sealed class State(TensorArena arena, int n)
    {
        public Tensor Weight { get; } = arena.Upload("weight", Normal(1, n), n);

        public Tensor Gradient { get; } = arena.Cut("gradient", n);

        public IndexTensor M { get; } = arena.CutIndices("m", (n + 3) / 4);

        public IndexTensor V { get; } = arena.CutIndices("v", (n + 3) / 4);

        public Tensor Units { get; } = arena.Cut("units", (n + 255) / 256 * 2);

        public void Step(Ops ops, float[] g, AdamWStep step)
        {
            Gradient.Upload(g);
            ops.AdamW8Bit(Gradient, Weight, M, V, Units, step);
            Assert.That(Gradient.ToArray().AsSpan().SequenceEqual(g), Is.True, "the gradient is read only");
        }

        public AdamW8BitReference<T> Copy<T>(Converter<float, T> to)
            where T : System.Numerics.IFloatingPointIeee754<T>
            => new(Array.ConvertAll(Weight.ToArray(), to),
                MemoryMarshal.Cast<int, sbyte>(M.ToArray())[..n].ToArray(),
                MemoryMarshal.AsBytes<int>(V.ToArray())[..n].ToArray(),
                Array.ConvertAll(Units.ToArray(), to));

        public int[] Bits() =>
            [.. Weight.ToArray().Concat(Units.ToArray()).Select(BitConverter.SingleToInt32Bits),
                .. M.ToArray(), .. V.ToArray()];
    }
}
