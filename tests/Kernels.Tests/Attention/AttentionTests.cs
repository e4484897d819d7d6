using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AttentionTests
{
    // One token; lengths 0, 1 and T in one batch; heads that no vector width divides; two tiles and two
    // chunks of columns; no square anywhere.
    static readonly AttentionReference[] Small =
    [
        new(1, 1, 1, 1, [1], 1),
        new(3, 7, 1, 5, [0, 7, 1], 1 / Math.Sqrt(5)),
        new(1, 9, 2, 8, [9], 1 / Math.Sqrt(8)),
        new(2, 5, 2, 3, [5, 4], 1),
        new(1, 34, 1, 66, [33], 0.12),
    ];

    // One past the tiles of queries and of keys, a head of GPT-2's size, wide heads, one of the widest.
    static readonly AttentionReference[] Large =
    [
        new(2, 33, 3, 64, [33, 32], 0.125),
        new(3, 65, 1, 20, [64, 65, 1], 1 / Math.Sqrt(20)),
        new(1, 130, 2, 32, [129], 1 / Math.Sqrt(32)),
        new(1, 40, 2, 128, [38], 1 / Math.Sqrt(128)),
        new(1, 70, 1, 97, [70], 1 / Math.Sqrt(97)),
        new(1, 1100, 1, 16, [1099], 0.25), // longer than GPT-2's context
    ];

    static IEnumerable<TestCaseData> Cases() =>
        from device in TestDevice.All
        from shape in device == "simulator" ? Small : Small.Concat(Large)
        select new TestCaseData(device, shape).SetArgDisplayNames(
            device, $"B{shape.B}T{shape.T}H{shape.H}D{shape.D}");

    [TestCaseSource(nameof(Cases))]
    public void Forward_is_as_exact_as_float32_allows(string device, AttentionReference shape)
    {
        using var run = new AttentionRun(device, shape);
        var exact = shape.Forward(Wide(run.Qkv));
        var plain = shape.Forward(run.Qkv);
        (float[] z, float[] lse) = run.Forward();
        Agreement.AtMostTwiceFloat32("z", exact.Z, plain.Z, z);
        Agreement.AtMostTwiceFloat32("logSumExp", exact.LogSumExp, plain.LogSumExp, lse);
    }

    [TestCaseSource(nameof(Cases))]
    public void Backward_is_as_exact_as_float32_allows(string device, AttentionReference shape)
    {
        using var run = new AttentionRun(device, shape);
        double[] wide = Wide(run.Qkv);
        double[] exact = shape.Backward(wide, shape.Forward(wide).Pattern, Wide(run.DZ));
        float[] plain = shape.Backward(run.Qkv, shape.Forward(run.Qkv).Pattern, run.DZ);
        Agreement.AtMostTwiceFloat32("dQkv", exact, plain, run.Backward());
    }

    [Test]
    public void The_oracle_backward_agrees_with_finite_differences()
    {
        var shape = new AttentionReference(2, 4, 2, 3, [4, 2], 0.7);
        double[] qkv = Wide(Normal(1, 2 * 4 * 3 * 6)), dZ = Wide(Normal(2, 2 * 4 * 6));
        double Loss() => shape.Forward(qkv).Z.Zip(dZ, (z, g) => z * g).Sum();
        Agreement.Differences("dQkv", Loss, qkv, shape.Backward(qkv, shape.Forward(qkv).Pattern, dZ));
    }

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
        (int T, int longer) = device == "simulator" ? (4, 9) : (37, 101);
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

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Two_runs_agree_bit_for_bit(string device)
    {
        using var run = new AttentionRun(device, new(2, 9, 2, 8, [9, 6], 1));
        Assert.That(run.Forward(), Is.EqualTo(run.Forward()));
        Assert.That(run.Backward(), Is.EqualTo(run.Backward()));
    }

    [Test]
    public void The_result_does_not_depend_on_the_number_of_threads()
    {
        using var run = new AttentionRun("cpu512", new(2, 150, 3, 24, [150, 67], 0.2));
        var forward = run.Forward();
        float[] backward = run.Backward();
        int threads = HostThreads.Count;
        try
        {
            foreach (int count in (int[])[1, 5, 16])
            {
                HostThreads.Count = count;
                Assert.That(run.Forward(), Is.EqualTo(forward));
                Assert.That(run.Backward(), Is.EqualTo(backward));
            }
        }
        finally
        {
            HostThreads.Count = threads;
        }
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
