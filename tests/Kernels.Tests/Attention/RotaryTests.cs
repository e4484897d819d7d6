using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

/// <summary>What rotary embeddings are for, and what the op refuses.</summary>
public class RotaryTests
{
    const int H = 2, D = 80, M = 20, P = 64;

    // The score of a query and a key depends on how far apart they are, and on nothing else of their places.
    [Test]
    public void Scores_depend_on_distances_alone()
    {
        float[] qkv = Numbers.Normal(3, 3 * H * D);
        double Score(int query, int key, int head)
        {
            float[] q = Rotated(qkv, query)[(head * D)..], k = Rotated(qkv, key)[(H * D + head * D)..];
            return Enumerable.Range(0, D).Sum(i => (double)q[i] * k[i]);
        }
        for (int head = 0; head < H; head++)
        {
            Assert.That(Math.Abs(Score(40, 31, head) - Score(9, 0, head)) <= 1e-4, Is.True);
            Assert.That(Math.Abs(Score(40, 31, head) - Score(40, 30, head)) > 1e-3, Is.True);
        }
    }

    [Test]
    public void Position_0_changes_nothing_and_a_finished_row_stays()
    {
        float[] qkv = Numbers.Normal(4, 3 * H * D);
        Assert.That(Rotated(qkv, 0), Is.EqualTo(qkv));
        Assert.That(Rotated(qkv, -1), Is.EqualTo(qkv));
        Assert.That(Rotated(qkv, 5), Is.Not.EqualTo(qkv));
        Assert.That(Rotated(qkv, 5)[(2 * H * D)..], Is.EqualTo(qkv[(2 * H * D)..]), "v");
    }

    [Test]
    public void Wrong_shapes_are_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 4096);
        var ops = new Ops(arena.Device);
        Tensor qkv = arena.Cut("qkv", 3, 3 * 8), odd = arena.Cut("table", 4, 3), wide = arena.Cut("wide", 4,
            6);
        IndexTensor positions = arena.CutIndices("positions", 3), few = arena.CutIndices("few", 2);
        Assert.That(() => ops.Rotary(qkv, positions, odd, 2),
            Throws.ArgumentException.With.Message.Contains("table [4, 3] must be of even width"));
        Assert.That(() => ops.Rotary(qkv, positions, wide, 2),
            Throws.ArgumentException.With.Message.Contains("no wider than a head of 4"));
        Assert.That(() => ops.RotaryBackward(qkv, few, wide, 1),
            Throws.ArgumentException.With.Message.Contains("one position for each row"));
    }

    static float[] Rotated(float[] qkv, int position)
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 1 << 14);
        Tensor x = arena.Cut("qkv", 1, qkv.Length), table = arena.Cut("table", P, M);
        IndexTensor positions = arena.CutIndices("positions", 1);
        x.Upload(qkv);
        table.Upload(new RotaryReference(1, H, D, M, P).Table());
        positions.Upload([position]);
        new Ops(arena.Device).Rotary(x, positions, table, H);
        return x.ToArray();
    }
}
