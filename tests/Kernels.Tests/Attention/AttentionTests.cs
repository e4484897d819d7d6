using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AttentionTests
{
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Scores_of_ten_thousand_neither_overflow_nor_vanish(string device)
    {
        // Deviation 70 over 8 columns, unscaled: scores of about +-14000; exp overflows past 89.
        var shape = new AttentionReference(1, 9, 2, 8, [9], 1);
        using var run = new AttentionRun(device, shape, 70f);
        double[] wide = Wide(run.Qkv);
        Assert.That(shape.Scores(wide).Where(double.IsFinite).Max(Math.Abs), Is.GreaterThan(1e4));
        var exact = shape.Forward(wide);
        var plain = shape.Forward(run.Qkv);
        (float[] z, float[] lse) = run.Forward();
        Agreement.AtMostTwiceFloat32("z", exact.Z, plain.Z, z);
        Agreement.AtMostTwiceFloat32("logSumExp", exact.LogSumExp, plain.LogSumExp, lse);
        Assert.That(run.Backward(), Has.All.Matches<float>(float.IsFinite));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void What_stands_in_padding_reaches_no_real_row(string device)
    {
        var shape = new AttentionReference(3, 7, 2, 5, [4, 0, 7], 1);
        using var run = new AttentionRun(device, shape);
        float[] poisoned = Poison(shape, run.Qkv, 3 * shape.C);
        using var bad = new AttentionRun(TestDevice.Open(device), shape, poisoned);
        Assert.That(bad.Forward(), Is.EqualTo(run.Forward()));
        Assert.That(bad.Backward(Poison(shape, run.DZ, shape.C)), Is.EqualTo(run.Backward()));
        Assert.That(run.Backward().AsSpan(4 * 3 * shape.C, 10 * 3 * shape.C).ToArray(), Has.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_row_alone_has_the_bits_it_has_in_a_longer_batch(string device)
    {
        const int T = 37, longer = 101;
        var alone = new AttentionReference(1, T, 2, 5, [T], 0.5);
        var batch = new AttentionReference(3, longer, 2, 5, [longer, T, 2], 0.5);
        using var runAlone = new AttentionRun(device, alone);
        float[] qkv = Normal(5, 3 * longer * 3 * batch.C);
        runAlone.Qkv.CopyTo(qkv, longer * 3 * batch.C);
        using var runBatch = new AttentionRun(TestDevice.Open(device), batch, qkv);
        float[] dZ = new float[runBatch.DZ.Length];
        runAlone.DZ.CopyTo(dZ, longer * batch.C);
        Assert.That(runBatch.Forward().Z.AsSpan(longer * batch.C, T * batch.C).ToArray(),
            Is.EqualTo(runAlone.Forward().Z));
        Assert.That(runBatch.Backward(dZ).AsSpan(longer * 3 * batch.C, T * 3 * batch.C).ToArray(),
            Is.EqualTo(runAlone.Backward()));
    }

    [Test]
    public void Heads_wider_than_shared_memory_are_refused_by_name()
    {
        var shape = new AttentionReference(1, 1, 1, 129, [1], 1);
        using var run = new AttentionRun("simulator", shape);
        Assert.That(run.Forward, Throws.ArgumentException.With.Message.Contains("Attention: heads of 129"));
        using var host = new AttentionRun("cpu512", shape);
        Assert.That(host.Forward().Z, Has.All.Matches<float>(float.IsFinite));
    }

    [Test]
    public void A_wrong_shape_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor qkv = arena.Cut("qkv", 4, 12), z = arena.Cut("z", 4, 4), lse = arena.Cut("lse", 2, 2, 2);
        IndexTensor lengths = arena.CutIndices("lengths", 3);
        Assert.That(() => ops.Attention(qkv, lengths, z, lse, 2, 2, 2, 1f),
            Throws.ArgumentException.With.Message.EqualTo("Attention: lengths [3] must have 2 entries."));
        Assert.That(() => ops.Attention(qkv, lengths, z, lse, 2, 2, 3, 1f),
            Throws.ArgumentException.With.Message.Contains("Attention: the last axis of qkv [4, 12]"));
    }

    /// <summary>A copy with NaN in every padding row.</summary>
    static float[] Poison(AttentionReference shape, float[] values, int columns)
    {
        float[] poisoned = [.. values];
        for (int b = 0; b < shape.B; b++)
            for (int t = shape.Lengths[b]; t < shape.T; t++)
                poisoned.AsSpan((b * shape.T + t) * columns, columns).Fill(float.NaN);
        return poisoned;
    }
}
