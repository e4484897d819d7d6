using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class ReductionTests
{
    [Test, Combinatorial]
    public void Norms_of_huge_and_tiny_tensors_stay_in_range(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values(1e19f, 3e38f, 1e-19f, 1e-38f, 1e12f, 1e-12f, 0f)] float magnitude)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 20000);
        float[] a = [.. Enumerable.Repeat(magnitude, 17000)];
        double norm = new Ops(arena.Device).Norm(arena.Upload("x", a, a.Length));
        // 1e-6: adding 64 equal squares in float32, which every lane does, is up to 7e-7 off.
        Assert.That(norm, Is.EqualTo(magnitude * Math.Sqrt(17000)).Within(1e-4).Percent);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void NaN_and_infinity_are_visible_in_sums_and_norms(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 20000);
        var ops = new Ops(arena.Device);
        float[] a = Normal(1, 17000);
        Tensor x = arena.Cut("x", a.Length);
        foreach (int place in (int[])[0, 9999, 16999])
        {
            (float kept, a[place]) = (a[place], float.NaN);
            x.Upload(a);
            Assert.That(ops.Norm(x), Is.NaN);
            Assert.That(ops.Sum(x), Is.NaN);
            Assert.That(ops.ClipFactor(x, 1, out _), Is.NaN);
            a[place] = float.NegativeInfinity;
            x.Upload(a);
            Assert.That(ops.Norm(x), Is.EqualTo(double.PositiveInfinity));
            a[place] = kept;
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Clipping_scales_long_gradients_and_leaves_short_ones(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 256);
        var ops = new Ops(arena.Device);
        Tensor x = arena.Upload("x", [3, 4], 2);
        Assert.That(ops.ClipFactor(x, 1, out double norm), Is.EqualTo((float)(1 / (5 + 1e-6))));
        Assert.That(norm, Is.EqualTo(5));
        Assert.That(ops.ClipFactor(x, 6, out _), Is.EqualTo(1));
    }

    [Test, Combinatorial]
    public void The_first_element_that_is_not_finite_is_found(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values(float.NaN, float.PositiveInfinity, float.NegativeInfinity)] float value)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 60000);
        var ops = new Ops(arena.Device);
        float[] a = Normal(1, 50001);
        (a[0], a[1]) = (float.MaxValue, -float.MaxValue);
        Tensor x = arena.Upload("h.3.attn", a, 3, 16667);
        Assert.That(ops.FirstNonfinite(x), Is.EqualTo(-1));
        foreach (int place in (int[])[50000, 33333, 16384, 16383, 700, 699])
        {
            a[place] = value;
            x.Upload(a);
            Assert.That(ops.FirstNonfinite(x), Is.EqualTo(place));
        }
    }

    [Test]
    public void An_empty_tensor_sums_to_nothing()
    {
        foreach (string device in (string[])["cpu512", "simulator"])
        {
            using var arena = new TensorArena(TestDevice.Open(device), 16);
            var ops = new Ops(arena.Device);
            Tensor x = arena.Cut("x", 0);
            Assert.That((ops.Sum(x), ops.Norm(x), ops.Dot(x, x)), Is.EqualTo((0.0, 0.0, 0.0)));
            Assert.That(ops.FirstNonfinite(x), Is.EqualTo(-1));
        }
    }

    [Test]
    public void Wrong_lengths_are_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor x = arena.Cut("x", 2, 4), sums = arena.Cut("sums", 3);
        Assert.That(() => ops.RowSums(x, sums),
            Throws.ArgumentException.With.Message.Contains("RowSums: sums [3]"));
        Assert.That(() => ops.ColumnSums(x, sums),
            Throws.ArgumentException.With.Message.Contains("sums [3]"));
        Assert.That(() => ops.Dot(x, sums), Throws.ArgumentException.With.Message.Contains("Dot: x [2, 4]"));
    }
}
