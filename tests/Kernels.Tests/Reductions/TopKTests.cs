using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

public class TopKTests
{
    [Test]
    public void A_wrong_k_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor x = arena.Cut("logits", 2, 4), values = arena.Cut("values", 2, 5);
        IndexTensor indices = arena.CutIndices("indices", 2, 5);
        foreach (int k in (int[])[0, 5])
            Assert.That(() => ops.TopK(x, values, indices, k),
                Throws.ArgumentException.With.Message.Contains(
                    $"TopK: k = {k} must be 1 to the last axis of logits"));
    }
}
