using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

// One rounding an element, so plain float32 loops in the test are the oracle and equality is asked for.
public class ElementwiseTests
{
    static readonly int[] Lengths = [0, 1, 7, 129, 517];

    [Test, Combinatorial]
    public void Every_op_is_exact(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Lengths))] int length)
    {
        float[] a = Normal(1, length), b = Normal(2, length);
        float[] mask = [.. Enumerable.Range(0, length).Select(i => (i % 5) switch { 0 => 0f, 1 => float.NaN, 2 => -0f, 3 => 1e-45f, _ => -2f })];
        using var arena = new TensorArena(TestDevice.Open(device), 12L * length + 512);
        var ops = new Ops(arena.Device);
        Tensor x = arena.Upload("x", a, length), z = arena.Upload("z", b, length);
        float[] After(Action<Tensor> op)
        {
            Tensor y = arena.Upload("y", Ones(length), length);
            op(y);
            return y.ToArray();
        }
        Assert.That(After(y => ops.Add(x, z, y)), Is.EqualTo(a.Zip(b, (p, q) => p + q)), "Add");
        Assert.That(After(y => ops.AddInto(x, y)), Is.EqualTo(a.Select(p => p + 1f)), "AddInto");
        Assert.That(After(y => ops.Axpy(-2f, x, y)), Is.EqualTo(a.Select(p => 1f - 2f * p)), "Axpy");
        Assert.That(After(y => ops.Multiply(x, z, y)), Is.EqualTo(a.Zip(b, (p, q) => p * q)), "Multiply");
        Assert.That(After(y => ops.Scale(y, 0.3f)), Is.All.EqualTo(0.3f), "Scale");
        Assert.That(After(y => ops.Fill(y, 2.5f)), Is.All.EqualTo(2.5f), "Fill");
        Assert.That(After(y => ops.Copy(x, y)), Is.EqualTo(a), "Copy");
        Tensor m = arena.Upload("mask", mask, length);
        Assert.That(After(y => ops.MaskedCopy(x, m, y)),
            Is.EqualTo(a.Zip(mask, (p, q) => q != 0 ? p : 1f)), "MaskedCopy");
    }

    [Test]
    public void A_wrong_length_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        Tensor x = arena.Cut("resid", 2, 4), y = arena.Cut("delta", 7);
        Assert.That(() => new Ops(arena.Device).AddInto(y, x),
            Throws.ArgumentException.With.Message.Contains("delta [7]"));
    }
}
