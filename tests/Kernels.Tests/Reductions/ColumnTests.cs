using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

public class ColumnTests
{
    [Test]
    public void Columns_outside_are_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        Tensor wide = arena.Cut("qkv", 2, 9), narrow = arena.Cut("q", 2, 3);
        var ops = new Ops(arena.Device);
        Assert.That(() => ops.CopyColumns(wide, narrow, 7),
            Throws.ArgumentException.With.Message.Contains(
                "CopyColumns: columns 7 to 9 (q [2, 3]) are not all in qkv [2, 9]"));
        Assert.That(() => ops.WriteColumns(narrow, wide, -1), Throws.ArgumentException);
    }
}
