using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class ElementwiseTests
{
    // A GPU may take the smallest float for 0, so it is asked of the host alone.
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Hosts))]
    public void The_smallest_float_sets_a_mask(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 256);
        Tensor y = arena.Upload("y", new float[3], 3);
        new Ops(arena.Device).MaskedCopy(
            arena.Upload("x", Ones(3), 3), arena.Upload("mask", [0f, float.Epsilon, -float.Epsilon], 3), y);
        Assert.That(y.ToArray(), Is.EqualTo((float[])[0, 1, 1]));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_copy_onto_itself_changes_nothing(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 256);
        Tensor x = arena.Upload("x", Normal(1, 37), 37);
        new Ops(arena.Device).Copy(x, x);
        Assert.That(x.ToArray(), Is.EqualTo(Normal(1, 37)));
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
