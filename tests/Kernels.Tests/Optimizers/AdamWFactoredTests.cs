using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AdamWFactoredTests
{
    const int Steps = 5;

    // One weight; a row past a block of threads; a column past a group's rows; no multiple of anything.
    static readonly (int Rows, int K)[] Small = [(1, 1), (1, 257), (9, 1), (5, 33)];

    // Past the rows that are summed together: seconds a case on the simulator.
    static readonly (int Rows, int K)[] Large = [(256, 1), (131, 1000)];

    static IEnumerable<TestCaseData> Cases() =>
        from device in TestDevice.All
        from shape in device == "simulator" ? Small : [.. Small, .. Large]
        from scale in (float[])[1f, 0.125f]
        select new TestCaseData(device, shape.Rows, shape.K, scale);

    static readonly AdamWStep Adam = new(0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, 1);

    [TestCaseSource(nameof(Cases))]
    public void Five_steps_are_as_exact_as_float32_allows(
        string device, int rows, int K, float gradientScale)
    {
        int n = rows * K;
        using var arena = new TensorArena(TestDevice.Open(device), 3L * n + rows + K + 256);
        var ops = new Ops(arena.Device);
        var state = new State(arena, rows, K);
        float[] w = state.Weight.ToArray(), m = new float[n], r = new float[rows], c = new float[K];
        double[] w64 = Wide(w), m64 = Wide(m), r64 = Wide(r), c64 = Wide(c);
        for (int t = 1; t <= Steps; t++)
        {
            float[] g = Gradient(t, rows, K);
            AdamWStep step = Adam with { Step = t, GradientScale = gradientScale };
            state.Step(ops, g, step);
            Textbook(w, g, m, r, c, step);
            Textbook(w64, Wide(g), m64, r64, c64, step);
        }
        Agreement.AtMostTwiceFloat32("weight", w64, w, state.Weight.ToArray());
        Agreement.AtMostTwiceFloat32("m", m64, m, state.M.ToArray());
        Agreement.AtMostTwiceFloat32("row moments", r64, r, state.RowMoments.ToArray());
        Agreement.AtMostTwiceFloat32("column moments", c64, c, state.ColumnMoments.ToArray());
    }

    [Test]
    public void A_second_moment_of_rank_one_makes_the_step_AdamWs()
    {
        // g_ij = a_i b_j times a sign: g^2 is of rank one, so its factors say all of it. A step that forgets
        // to divide by the mean, or divides twice, gives another number.
        const int rows = 5, K = 7;
        double[] w = Wide(Normal(1, rows * K)), full = [.. w];
        double[] m = new double[w.Length], fullM = new double[w.Length], v = new double[w.Length];
        double[] r = new double[rows], c = new double[K];
        for (int t = 1; t <= 3; t++)
        {
            double[] sign = Wide(Normal(20 + t, w.Length));
            double[] g = [.. sign.Select((s, i) => Math.Sign(s) * (1.0 + i / K) * Math.Pow(3, i % K))];
            AdamWReference.Step(g, full, fullM, v, 0.1, 0.9, 0.99, 1e-8, 0.1, t, 1);
            AdamWFactoredReference.Step(g, w, m, r, c, 0.1, 0.9, 0.99, 1e-8, 0.1, t, 1);
        }
        for (int i = 0; i < w.Length; i++)
            Assert.That(w[i], Is.EqualTo(full[i]).Within(1e-12), $"weight {i}");
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_chunk_of_rows_is_factored_by_itself(string device)
    {
        const int rows = 9, K = 20, cut = 4;
        using var arena = new TensorArena(TestDevice.Open(device), 8 * rows * K + 1024);
        var ops = new Ops(arena.Device);
        State whole = new(arena, rows, K), alone = new(arena, cut, K);
        Tensor columns = arena.Cut("columns of the chunk", K);
        for (int t = 1; t <= 2; t++)
        {
            float[] g = Gradient(t, rows, K);
            whole.Gradient.Upload(g);
            ops.AdamWFactored(whole.Gradient.SliceRows(0, cut), whole.Weight.SliceRows(0, cut),
                whole.M.SliceRows(0, cut), whole.RowMoments.Slice("rows", 0, cut), columns,
                Adam with { Step = t });
            alone.Step(ops, g[..(cut * K)], Adam with { Step = t });
        }
        Assert.That(whole.Weight.ToArray()[..(cut * K)], Is.EqualTo(alone.Weight.ToArray()));
        Assert.That(columns.ToArray(), Is.EqualTo(alone.ColumnMoments.ToArray()));
        Assert.That(whole.Weight.ToArray()[(cut * K)..], Is.EqualTo(Normal(1, rows * K)[(cut * K)..]));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Two_runs_and_any_number_of_threads_agree_bit_for_bit(string device)
    {
        bool host = device.StartsWith("cpu", StringComparison.Ordinal);
        (int rows, int K) = host ? (517, 301) : (9, 140);
        int threads = HostThreads.Count;
        var results = new List<float[]>();
        try
        {
            foreach (int count in (int[])[1, 3])
            {
                using var arena = new TensorArena(TestDevice.Open(device), 3L * rows * K + rows + K + 256);
                HostThreads.Count = count;
                var state = new State(arena, rows, K);
                for (int t = 1; t <= 2; t++)
                    state.Step(new Ops(arena.Device), Gradient(t, rows, K), Adam with { Step = t });
                results.Add([.. state.Weight.ToArray(), .. state.M.ToArray(), .. state.RowMoments.ToArray(),
                    .. state.ColumnMoments.ToArray()]);
            }
        }
        finally
        {
            HostThreads.Count = threads;
        }
        Assert.That(results[0].AsSpan().SequenceEqual(results[1]), Is.True);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_matrix_without_gradient_only_decays(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 512);
        var state = new State(arena, 5, 8);
        state.Weight.Upload(Ones(40));
        state.Step(new Ops(arena.Device), new float[40],
            Adam with { LearningRate = 0.5f, WeightDecay = 0.5f });
        Assert.That(state.Weight.ToArray(), Is.All.EqualTo(0.75f));
    }

    [Test]
    public void Wrong_shapes_are_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 4096);
        var ops = new Ops(arena.Device);
        Tensor w = arena.Cut("w", 3, 5), r = arena.Cut("r", 3), c = arena.Cut("c", 5);
        Assert.That(() => ops.AdamWFactored(arena.Cut("g", 5, 3), w, w, r, c, Adam),
            Throws.ArgumentException.With.Message.Contains("AdamWFactored: g [5, 3]"));
        Assert.That(() => ops.AdamWFactored(w, w, w, c, r, Adam),
            Throws.ArgumentException.With.Message.Contains("c [5] needs a number for every row of w [3, 5]"));
        Assert.That(() => ops.AdamWFactored(w, w, w, r, c, Adam with { Step = 0 }),
            Throws.ArgumentException.With.Message.Contains("step 0"));
    }

    // Rows from large to small; some zeros and tiny ones.
    static float[] Gradient(int t, int rows, int K)
        => [.. Normal(10 + t, rows * K).Select((g, i) => g * MathF.Pow(0.1f, i / K % 4) * (i % 5 switch
        {
            3 => 0f, 4 => 1e-4f, _ => 10f,
        }))];

    static void Textbook<T>(T[] w, T[] g, T[] m, T[] r, T[] c, AdamWStep s)
        where T : System.Numerics.IFloatingPointIeee754<T>
        => AdamWFactoredReference.Step(g, w, m, r, c, s.LearningRate, s.Beta1, s.Beta2, s.Epsilon,
            s.WeightDecay, s.Step, s.GradientScale);

    /// <summary>What a step reads and writes.</summary>
    sealed class State(TensorArena arena, int rows, int K)
    {
        public Tensor Weight { get; } = arena.Upload("weight", Normal(1, rows * K), rows, K);

        public Tensor Gradient { get; } = arena.Cut("gradient", rows, K);

        public Tensor M { get; } = arena.Cut("m", rows, K);

        public Tensor RowMoments { get; } = arena.Cut("rows", rows);

        public Tensor ColumnMoments { get; } = arena.Cut("columns", K);

        public void Step(Ops ops, float[] g, AdamWStep step)
        {
            Gradient.Upload(g);
            ops.AdamWFactored(Gradient, Weight, M, RowMoments, ColumnMoments, step);
            Assert.That(Gradient.ToArray(), Is.EqualTo(g), "the gradient is read only");
        }
    }
}
