using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

public class ScaleRowsTests
{
    [Test]
    public void A_wrong_number_of_factors_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        Tensor x = arena.Cut("dLogits", 3, 4), factors = arena.Cut("weights", 4);
        Assert.That(() => new Ops(arena.Device).ScaleRows(factors, x), Throws.ArgumentException.With.Message
            .Contains("ScaleRows: weights [4] must hold one factor for each row of dLogits [3, 4]"));
    }
}
