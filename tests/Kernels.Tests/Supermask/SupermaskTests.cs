using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class SupermaskTests
{
    // One element; below a vector; one past the block; an index of two digits; two groups of a kernel's grid.
    static readonly int[] Lengths = [1, 7, 257, 517, 4099];

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Hosts))]
    public void Any_number_of_threads_gives_the_same_mask(string device)
    {
        float[] scores = Fill("ties", 3 * 32768 + 77);
        int threads = HostThreads.Count;
        try
        {
            foreach (int count in (int[])[1, 3])
            {
                HostThreads.Count = count;
                Compare(device, scores, [40_001]);
            }
        }
        finally
        {
            HostThreads.Count = threads;
        }
    }

    // One rounding, and a sign; so the float32 loop is asked for bits. In place of dWeight too.
    [Test, Combinatorial]
    public void Gradients_of_scores_go_straight_through(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Lengths))] int length)
    {
        float[] dWeight = Normal(1, length), weight = Normal(2, length), scores = Fill("ties", length);
        scores[length / 2] = -0f;
        using var arena = new TensorArena(TestDevice.Open(device), 4L * length + 256);
        var ops = new Ops(arena.Device);
        Tensor d = arena.Upload("dWeight", dWeight, length), w = arena.Upload("weight", weight, length),
            s = arena.Upload("scores", scores, length),
            dScores = arena.Upload("dScores", Ones(length), length);
        float[] expected = SupermaskReference.Gradient(dWeight, weight, scores);
        ops.SupermaskGradient(d, w, s, dScores);
        Assert.That(dScores.ToArray(), Is.EqualTo(expected));
        Assert.That(d.ToArray(), Is.EqualTo(dWeight), "dWeight is read only");
        ops.SupermaskGradient(d, w, s, d);
        Assert.That(d.ToArray(), Is.EqualTo(expected), "in place");
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void A_score_that_has_no_sign_has_no_gradient(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 256);
        Tensor d = arena.Upload("dWeight", [1f, 2f, float.NaN, 4f], 4);
        Tensor scores = arena.Upload("scores", [0f, float.NaN, -0f, -1e-30f], 4);
        new Ops(arena.Device).SupermaskGradient(d, arena.Upload("weight", Ones(4), 4), scores, d);
        Assert.That(d.ToArray(), Is.EqualTo(new[] { 0f, 0f, 0f, -4f }));
    }

    [Test]
    public void What_does_not_fit_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor scores = arena.Cut("scores", 3, 4), mask = arena.Cut("mask", 11), whole = arena.Cut("m", 12);
        Assert.That(() => ops.Supermask(scores, mask, 2), Throws.ArgumentException.With.Message
            .Contains("Supermask: mask [11] must have the length of scores [3, 4]"));
        foreach (long count in (long[])[-1, 13])
            Assert.That(() => ops.Supermask(scores, whole, count), Throws.ArgumentException.With.Message
                .Contains($"Supermask: count {count} must be 0 to the 12 elements of scores"));
        Assert.That(() => ops.SupermaskGradient(scores, whole, whole, mask), Throws.ArgumentException);
    }

    static void Compare(string device, float[] scores, long[] counts)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 2L * scores.Length + 64);
        var ops = new Ops(arena.Device);
        Tensor tensor = arena.Upload("scores", scores, scores.Length),
            mask = arena.Cut("mask", scores.Length);
        foreach (long count in counts)
        {
            ops.Fill(mask, 0.5f);
            ops.Supermask(tensor, mask, count);
            Assert.That(mask.ToArray().AsSpan().SequenceEqual(SupermaskReference.Mask(scores, count)),
                Is.True, $"count {count}");
        }
        Assert.That(tensor.ToArray(), Is.EqualTo(scores), "scores are read only");
    }

    static float[] Fill(string contents, int count)
    {
        if (contents == "normal")
            return Normal(1, count, deviation: 0.03f);
        float[] odd = contents switch
        {
            "ties" => [-1f, 0.5f, -0.25f, 0f, 1f, 0.25f, -0.5f],
            "zeros of both signs" => [-0f, 0f],
            _ =>
            [
                float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0f, float.Epsilon,
                -float.Epsilon, float.MaxValue, -float.NaN, float.MinValue,
            ],
        };
        return [.. Integers(2, count, odd.Length).Select(i => odd[i])];
    }
}
