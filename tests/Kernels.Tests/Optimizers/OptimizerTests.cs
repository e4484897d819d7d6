using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class OptimizerTests
{
    const int Steps = 10;

    // One weight; a prime; one past a vector of each width; one past an item of the host.
    static readonly int[] Lengths = [1, 37, 129, 16385];

    static readonly AdamWStep Adam = new(0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, 1);

    static readonly SgdStep[] SgdOptions =
    [
        new(0.05f, 0, 0, 0.1f, false, false), new(0.05f, 0.9f, 0, 0, false, false),
        new(0.05f, 0.9f, 0.3f, 0.1f, false, false, 0.5f), new(0.05f, 0.9f, 0, 0.1f, true, false),
    ];

    [Test, Combinatorial]
    public void Ten_steps_of_AdamW_are_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Lengths))] int n,
        [Values(1f, 0.125f)] float gradientScale)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 4L * n + 256);
        var ops = new Ops(arena.Device);
        float[] w = Normal(1, n), m = new float[n], v = new float[n];
        double[] w64 = Wide(w), m64 = new double[n], v64 = new double[n];
        Tensor weight = arena.Upload("weight", w, n), gradient = arena.Cut("gradient", n);
        Tensor first = arena.Cut("m", n), second = arena.Cut("v", n);
        for (int t = 1; t <= Steps; t++)
        {
            float[] g = Gradient(t, n);
            gradient.Upload(g);
            AdamWStep step = Adam with { Step = t, GradientScale = gradientScale };
            ops.AdamW(gradient, weight, first, second, step);
            Textbook(w, g, m, v, step);
            Textbook(w64, Wide(g), m64, v64, step);
            Assert.That(gradient.ToArray(), Is.EqualTo(g), "the gradient is read only");
        }
        Agreement.AtMostTwiceFloat32("weight", w64, w, weight.ToArray());
        Agreement.AtMostTwiceFloat32("m", m64, m, first.ToArray());
        Agreement.AtMostTwiceFloat32("v", v64, v, second.ToArray());
    }

    [Test]
    public void The_first_step_of_AdamW_moves_by_the_learning_rate_and_decays()
    {
        // w (1 - lr * wd) - lr * sign(g): worked by hand. A step that decays after it moves, or couples the
        // decay to the gradient, gives another number.
        double[] w = [2], m = [0], v = [0];
        OptimizerReference.AdamW(w, [0.5], m, v, 0.1, 0.9, 0.999, 0, 0.25, 1, 1);
        Assert.That(w[0], Is.EqualTo(2 * (1 - 0.1 * 0.25) - 0.1).Within(1e-15));
        Assert.That(m[0], Is.EqualTo(0.05).Within(1e-15));
        Assert.That(v[0], Is.EqualTo(0.00025).Within(1e-15));
    }

    [Test, Combinatorial]
    public void Ten_steps_of_Sgd_are_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Lengths))] int n,
        [ValueSource(nameof(SgdOptions))] SgdStep options)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 3L * n + 256);
        var ops = new Ops(arena.Device);
        float[] w = Normal(1, n), buffer = new float[n];
        double[] w64 = Wide(w), buffer64 = new double[n];
        Tensor weight = arena.Upload("weight", w, n), gradient = arena.Cut("gradient", n);
        Tensor momentum = arena.Upload("momentum", [.. Enumerable.Repeat(float.NaN, n)], n); // fresh
        for (int t = 1; t <= Steps; t++)
        {
            float[] g = Gradient(t, n);
            gradient.Upload(g);
            SgdStep step = options with { First = t == 1 };
            ops.Sgd(gradient, weight, momentum, step);
            Textbook(w, g, buffer, step);
            Textbook(w64, Wide(g), buffer64, step);
        }
        Agreement.AtMostTwiceFloat32("weight", w64, w, weight.ToArray());
        if (options.Momentum != 0)
            Agreement.AtMostTwiceFloat32("momentum", buffer64, buffer, momentum.ToArray());
        else
            Assert.That(momentum.ToArray(), Is.All.NaN, "without momentum the buffer is not touched");
    }

    [Test]
    public void Two_steps_of_Sgd_by_hand()
    {
        double[] w = [1], buffer = [99];
        OptimizerReference.Sgd(w, [2.0], buffer, 0.1, 0.5, 0.25, 0, nesterov: false, first: true, 1);
        Assert.That((w[0], buffer[0]), Is.EqualTo((0.8, 2.0)));
        OptimizerReference.Sgd(w, [4.0], buffer, 0.1, 0.5, 0.25, 0, nesterov: false, first: false, 1);
        Assert.That(buffer[0], Is.EqualTo(0.5 * 2 + 0.75 * 4));
        Assert.That(w[0], Is.EqualTo(0.8 - 0.1 * 4).Within(1e-15));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_weight_without_gradient_only_decays(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 256);
        var ops = new Ops(arena.Device);
        Tensor weight = arena.Upload("weight", Ones(40), 40), zeros = arena.Cut("gradient", 40);
        ops.AdamW(zeros, weight, arena.Cut("m", 40), arena.Cut("v", 40),
            Adam with { LearningRate = 0.5f, WeightDecay = 0.5f });
        Assert.That(weight.ToArray(), Is.All.EqualTo(0.75f));
    }

    [Test]
    public void Step_zero_and_a_wrong_moment_are_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor w = arena.Cut("w", 4), short3 = arena.Cut("m", 3);
        Assert.That(() => ops.AdamW(w, w, w, w, Adam with { Step = 0 }),
            Throws.ArgumentException.With.Message.Contains("AdamW: step 0"));
        Assert.That(() => ops.AdamW(w, w, short3, w, Adam),
            Throws.ArgumentException.With.Message.Contains("m [3]"));
        Assert.That(() => ops.Sgd(w, w, short3, SgdOptions[1]),
            Throws.ArgumentException.With.Message.Contains("Sgd:"));
    }

    // What lets an optimiser step through parameters that lie side by side at once.
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Pieces_of_any_length_give_the_bits_of_one_call(string device)
    {
        int[] pieces = [1, 37, 16, 3, 72];
        int n = pieces.Sum();
        using var arena = new TensorArena(TestDevice.Open(device), 4096);
        var ops = new Ops(arena.Device);
        Tensor gradient = arena.Upload("gradient", Gradient(1, n), n);
        Tensor[] one = State("one"), cut = State("cut");
        Tensor[] sgdOne = State("one, sgd"), sgdCut = State("cut, sgd");
        for (int t = 1; t <= 3; t++)
        {
            AdamWStep adam = Adam with { Step = t, GradientScale = 0.3f };
            SgdStep sgd = SgdOptions[2] with { First = t == 1 };
            ops.AdamW(gradient, one[0], one[1], one[2], adam);
            ops.Sgd(gradient, sgdOne[0], sgdOne[1], sgd);
            for (int i = 0, at = 0; i < pieces.Length; at += pieces[i++])
            {
                Tensor Piece(Tensor whole) => whole.Slice("piece", at, pieces[i]);
                ops.AdamW(Piece(gradient), Piece(cut[0]), Piece(cut[1]), Piece(cut[2]), adam);
                ops.Sgd(Piece(gradient), Piece(sgdCut[0]), Piece(sgdCut[1]), sgd);
            }
        }
        foreach ((Tensor whole, Tensor parts) in one.Zip(cut).Concat(sgdOne.Zip(sgdCut)))
            Assert.That(Bits(parts), Is.EqualTo(Bits(whole)), whole.Name);

        Tensor[] State(string name) =>
            [arena.Upload($"weight, {name}", Normal(1, n), n), arena.Cut($"m, {name}", n),
                arena.Cut($"v, {name}", n)];

        static int[] Bits(Tensor tensor) => [.. tensor.ToArray().Select(BitConverter.SingleToInt32Bits)];
    }

    // Some gradients are zero, some tiny, some large.
    static float[] Gradient(int t, int n)
        => [.. Normal(10 + t, n).Select((g, i) => (i % 5) switch { 3 => 0f, 4 => g * 1e-6f, _ => g * 10 })];

    static void Textbook<T>(T[] w, T[] g, T[] m, T[] v, AdamWStep s)
        where T : System.Numerics.IFloatingPointIeee754<T>
        => OptimizerReference.AdamW(w, g, m, v, s.LearningRate, s.Beta1, s.Beta2, s.Epsilon, s.WeightDecay,
            s.Step, s.GradientScale);

    static void Textbook<T>(T[] w, T[] g, T[] buffer, SgdStep s)
        where T : System.Numerics.IFloatingPointIeee754<T>
        => OptimizerReference.Sgd(w, g, buffer, s.LearningRate, s.Momentum, s.Dampening, s.WeightDecay,
            s.Nesterov, s.First, s.GradientScale);
}
