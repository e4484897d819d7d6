using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

public class LinearCombinationTests
{
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void The_result_may_be_any_of_the_terms(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 1024);
        var ops = new Ops(arena.Device);
        for (int place = 0; place < 3; place++)
        {
            arena.Reset();
            Tensor[] x =
            [
                arena.Upload("x1", [1, 2, 3], 3), arena.Upload("x2", [10, 20, 30], 3),
                arena.Upload("x3", [100, 200, 300], 3),
            ];
            ops.LinearCombination(x[0], x[1], x[2], x[place], 2, -1, 0.5f);
            Assert.That(x[place].ToArray(), Is.EqualTo((float[])[42, 84, 126]));
        }
    }

    [Test]
    public void A_wrong_length_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        Tensor x = arena.Cut("weights", 4), y = arena.Cut("direction", 5);
        var ops = new Ops(arena.Device);
        Assert.That(() => ops.LinearCombination(x, y, x, 1, 1),
            Throws.ArgumentException.With.Message.Contains("direction [5]"));
        Assert.That(() => ops.LinearCombination(x, x, y, x, 1, 1, 1),
            Throws.ArgumentException.With.Message.Contains("direction [5]"));
    }
}
