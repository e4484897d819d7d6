using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AdamWTests
{
    static readonly AdamWStep Adam = new(0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, 1);

    [Test]
    public void The_first_step_moves_by_the_learning_rate_and_decays()
    {
        // w (1 - lr * wd) - lr * sign(g): worked by hand. A step that decays after it moves, or couples the
        // decay to the gradient, gives another number.
        double[] w = [2], m = [0], v = [0];
        AdamWReference.Step([0.5], w, m, v, 0.1, 0.9, 0.999, 0, 0.25, 1, 1);
        Assert.That(w[0], Is.EqualTo(2 * (1 - 0.1 * 0.25) - 0.1).Within(1e-15));
        Assert.That(m[0], Is.EqualTo(0.05).Within(1e-15));
        Assert.That(v[0], Is.EqualTo(0.00025).Within(1e-15));
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

    // What lets an optimiser step through parameters that lie side by side at once.
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Pieces_of_any_length_give_the_bits_of_one_call(string device)
    {
        int[] pieces = [1, 37, 16, 3, 72];
        int n = pieces.Sum();
        using var arena = new TensorArena(TestDevice.Open(device), 4096);
        var ops = new Ops(arena.Device);
        Tensor gradient = arena.Upload("gradient", Normal(11, n), n);
        Tensor[] whole = State("whole"), cut = State("cut");
        for (int t = 1; t <= 3; t++)
        {
            AdamWStep step = Adam with { Step = t, GradientScale = 0.3f };
            ops.AdamW(gradient, whole[0], whole[1], whole[2], step);
            for (int i = 0, at = 0; i < pieces.Length; at += pieces[i++])
            {
                Tensor Piece(Tensor of) => of.Slice("piece", at, pieces[i]);
                ops.AdamW(Piece(gradient), Piece(cut[0]), Piece(cut[1]), Piece(cut[2]), step);
            }
        }
        foreach ((Tensor one, Tensor parts) in whole.Zip(cut))
            Assert.That(Bits(parts), Is.EqualTo(Bits(one)), one.Name);

        Tensor[] State(string name) =>
            [arena.Upload($"weight, {name}", Normal(1, n), n), arena.Cut($"m, {name}", n),
                arena.Cut($"v, {name}", n)];

        static int[] Bits(Tensor tensor) => [.. tensor.ToArray().Select(BitConverter.SingleToInt32Bits)];
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
    }
}
