using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class SgdTests
{
    static readonly SgdStep Momentum = new(0.05f, 0.9f, 0.3f, 0.1f, false, false, 0.5f);

    [Test]
    public void Two_steps_by_hand()
    {
        double[] w = [1], buffer = [99];
        SgdReference.Step([2.0], w, buffer, 0.1, 0.5, 0.25, 0, nesterov: false, first: true, 1);
        Assert.That((w[0], buffer[0]), Is.EqualTo((0.8, 2.0)));
        SgdReference.Step([4.0], w, buffer, 0.1, 0.5, 0.25, 0, nesterov: false, first: false, 1);
        Assert.That(buffer[0], Is.EqualTo(0.5 * 2 + 0.75 * 4));
        Assert.That(w[0], Is.EqualTo(0.8 - 0.1 * 4).Within(1e-15));
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
            SgdStep step = Momentum with { First = t == 1 };
            ops.Sgd(gradient, whole[0], whole[1], step);
            for (int i = 0, at = 0; i < pieces.Length; at += pieces[i++])
            {
                Tensor Piece(Tensor of) => of.Slice("piece", at, pieces[i]);
                ops.Sgd(Piece(gradient), Piece(cut[0]), Piece(cut[1]), step);
            }
        }
        foreach ((Tensor one, Tensor parts) in whole.Zip(cut))
            Assert.That(Bits(parts), Is.EqualTo(Bits(one)), one.Name);

        Tensor[] State(string name) =>
            [arena.Upload($"weight, {name}", Normal(1, n), n), arena.Cut($"momentum, {name}", n)];

        static int[] Bits(Tensor tensor) => [.. tensor.ToArray().Select(BitConverter.SingleToInt32Bits)];
    }

    [Test]
    public void A_wrong_buffer_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor w = arena.Cut("w", 4), short3 = arena.Cut("m", 3);
        Assert.That(() => ops.Sgd(w, w, short3, Momentum),
            Throws.ArgumentException.With.Message.Contains("Sgd:"));
    }
}
