namespace HeadTap.Runtime.Tests;

public sealed class LargePagesTests
{
    [Test]
    public void ALargeArenaIsZeroAndHoldsWhatIsWritten()
    {
        using ComputeDevice device = ComputeDevice.Open("cpu");
        const int length = 9 << 20; // 36 MiB: large enough that large pages are asked for
        using var arena = new TensorArena(device, length);
        Tensor x = arena.Cut("x", length);
        Assert.That(x.ToArray().All(v => v == 0), Is.True);
        new Ops(device).Fill(x, 2f);
        Assert.That(x.ToArray().All(v => v == 2), Is.True);
    }
}
