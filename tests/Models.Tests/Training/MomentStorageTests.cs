using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class MomentStorageTests
{
    // A lens over all heads of a layer of GPT-2 small: float32 moments take 3.7 GB, those of 8 bits 0.9.
    [TestCase(MomentStorage.Float32, 50257, 9216, 8.0)]
    [TestCase(MomentStorage.EightBit, 50257, 9216, 2.03125)]
    [TestCase(MomentStorage.Factored, 50257, 9216, 4.00051)]
    public void Bytes_of_a_parameter(MomentStorage storage, int rows, int columns, double bytes)
        => Assert.That((double)storage.Bytes(rows, columns) / ((long)rows * columns),
            Is.EqualTo(bytes).Within(1e-5));

    [Test]
    public void What_is_reserved_is_what_the_ops_ask_for()
    {
        const int rows = 3, columns = 100; // 300 weights: 75 ints twice, two blocks
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var arena = new TensorArena(device, 4096);
        Tensor w = arena.Cut("w", rows, columns), m = arena.Cut("m", rows, columns);
        Tensor units = arena.Cut("units", 4), r = arena.Cut("r", rows), c = arena.Cut("c", columns);
        IndexTensor codes = arena.CutIndices("codes", 75);
        var ops = new Ops(arena.Device);
        var step = new AdamWStep(0.1f, 0.9f, 0.999f, 1e-8f, 0, 1);
        ops.AdamW8Bit(w, w, codes, codes, units, step);
        Assert.That(MomentStorage.EightBit.Bytes(rows, columns),
            Is.EqualTo(4 * (2 * codes.Length + units.Length)));
        ops.AdamWFactored(w, w, m, r, c, step);
        Assert.That(MomentStorage.Factored.Bytes(rows, columns),
            Is.EqualTo(4 * (m.Length + r.Length + c.Length)));
        Assert.That(() => ((MomentStorage)7).Bytes(1, 1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }
}
