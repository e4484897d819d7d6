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
        // NaN and the smallest float are set; a GPU may take the latter for 0, so it is asked of the host
        // alone.
        float smallest = device.StartsWith("cpu", StringComparison.Ordinal) ? float.Epsilon : 1e-30f;
        float[] masks = [0f, float.NaN, -0f, smallest, -2f];
        float[] mask = [.. Enumerable.Range(0, length).Select(i => masks[i % masks.Length])];
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
        Assert.That(After(y => ops.Axpy(x, y, -2f)), Is.EqualTo(a.Select(p => 1f - 2f * p)), "Axpy");
        Assert.That(After(y => ops.Multiply(x, z, y)), Is.EqualTo(a.Zip(b, (p, q) => p * q)), "Multiply");
        Assert.That(After(y => ops.Scale(y, 0.3f)), Is.All.EqualTo(0.3f), "Scale");
        Assert.That(After(y => ops.Fill(y, 2.5f)), Is.All.EqualTo(2.5f), "Fill");
        Assert.That(After(y => ops.Copy(x, y)), Is.EqualTo(a), "Copy");
        Tensor m = arena.Upload("mask", mask, length);
        Assert.That(After(y => ops.MaskedCopy(x, m, y)),
            Is.EqualTo(a.Zip(mask, (p, q) => q != 0 ? p : 1f)), "MaskedCopy");
    }

    // Three grains and a rest, on several threads.
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Hosts))]
    public void Long_tensors_are_covered_to_the_last_element(string device)
    {
        const int length = 3 * 16384 + 5;
        float[] a = Normal(1, length), b = Normal(2, length);
        using var arena = new TensorArena(TestDevice.Open(device), 4L * length);
        var ops = new Ops(arena.Device);
        Tensor x = arena.Upload("x", a, length), y = arena.Upload("y", b, length),
            m = arena.Cut("mask", length);
        void Is(Func<float, float, float> expected)
        {
            b = [.. a.Zip(b, expected)];
            Assert.That(y.Span.SequenceEqual(b), NUnit.Framework.Is.True);
        }
        ops.AddInto(x, y);
        Is((p, q) => p + q);
        ops.Multiply(x, y, y);
        Is((p, q) => p * q);
        ops.Scale(y, 0.3f);
        Is((p, q) => q * 0.3f);
        ops.MaskedCopy(x, m, y);
        Is((p, q) => q);
        ops.Fill(m, 1f);
        ops.MaskedCopy(x, m, y);
        Is((p, q) => p);
        ops.Axpy(x, y, 2f);
        Is((p, q) => q + 2f * p);
        ops.Copy(x, y);
        Is((p, q) => p);
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
