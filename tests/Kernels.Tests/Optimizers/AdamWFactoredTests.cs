using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AdamWFactoredTests
{
    static readonly AdamWStep Adam = new(0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, 1);

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
