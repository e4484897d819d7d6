namespace HeadTap.PtxMachine.Tests;

public sealed class DimTests
{
    [Test]
    public void X_runs_fastest()
    {
        Dim3 sizes = new(3, 4, 5);
        Assert.That(sizes.Count, Is.EqualTo(60));
        Assert.That(sizes.At(0), Is.EqualTo(new Dim3(0, 0, 0)));
        Assert.That(sizes.At(4), Is.EqualTo(new Dim3(1, 1, 0)));
        Assert.That(sizes.At(59), Is.EqualTo(new Dim3(2, 3, 4)));
    }
}
