using HeadTap.Reference;

namespace HeadTap.Merge.Tests;

public class MagnitudeCutTests
{
    [Test]
    public void It_keeps_the_largest_and_of_equal_ones_the_first(
        [Values(0, 1, 2, 5, 6, 99, 700, 701, 5000)] int count, [Values(1f, 1e-41f, 1e30f)] float scale)
    {
        // Many equal ones.
        float[] values = [.. Tensors.Normal(3, 701).Select(v => MathF.Round(v * 8) * scale)];
        var tensor = new HeldTensor("w", [701], [values], new float[701]);
        MagnitudeCut cut = MagnitudeCut.Of(tensor, 0, count);
        float[] kept = [.. values.Select((v, i) => cut.Keeps(i, v) ? v : 0)];
        Assert.That(Tensors.Wide(kept), Is.EqualTo(MergeReference.Ranks(Tensors.Wide(values), 0, count)));
        // In pieces that end inside a vector.
        for (int start = 0; start < values.Length; start += 93)
            cut.KeepIn(start, values.AsSpan(start, Math.Min(93, values.Length - start)));
        Assert.That(values, Is.EqualTo(kept));
    }

    [Test]
    public void It_sees_every_piece()
    {
        float[] values = new float[3 * ParentTensor.PieceLength + 17];
        values[^1] = -3;
        values[ParentTensor.PieceLength] = 2;
        values[5] = 1;
        MagnitudeCut cut = MagnitudeCut.Of(
            new HeldTensor("w", [values.Length], [values], new float[values.Length]), 0, 2);
        Assert.That(values.Index().Where(v => cut.Keeps(v.Index, v.Item)).Select(v => v.Index),
            Is.EqualTo((int[])[ParentTensor.PieceLength, values.Length - 1]));
    }
}
