using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class ScaleRowsTests
{
    // One element; no row; a vocabulary below every vector; one past the block.
    static readonly (int Rows, int N)[] Shapes = [(1, 1), (0, 5), (7, 14), (5, 129), (2, 300)];

    // One rounding an element, so the float32 loop is asked for bits.
    [Test, Combinatorial]
    public void Every_row_is_multiplied_by_its_factor(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Shapes))] (int Rows, int N) shape)
    {
        (int rows, int n) = shape;
        float[] x = Normal(1, rows * n), factors = Normal(2, rows);
        for (int r = 0; r < rows; r += 3)
            factors[r] = r % 2 == 0 ? 0f : -0f;
        for (int i = 0; i < x.Length; i += 11)
            x[i] = i % 2 == 0 ? float.NaN : float.NegativeInfinity;
        using var arena = new TensorArena(TestDevice.Open(device), x.Length + rows + 64);
        Tensor values = arena.Upload("x", x, rows, n);
        new Ops(arena.Device).ScaleRows(arena.Upload("factors", factors, rows), values);
        Assert.That(values.ToArray(), Is.EqualTo(ScaleRowsReference.Forward(x, factors)));
    }

    // Rows for several threads, the last cut short.
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Hosts))]
    public void Many_rows_are_covered_to_the_last(string device)
    {
        const int rows = 1237, n = 37;
        float[] x = Normal(1, rows * n), factors = Normal(2, rows);
        using var arena = new TensorArena(TestDevice.Open(device), x.Length + rows + 64);
        Tensor values = arena.Upload("x", x, rows, n);
        new Ops(arena.Device).ScaleRows(arena.Upload("factors", factors, rows), values);
        Assert.That(values.Span.SequenceEqual(ScaleRowsReference.Forward(x, factors)), Is.True);
    }

    [Test]
    public void A_wrong_number_of_factors_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        Tensor x = arena.Cut("dLogits", 3, 4), factors = arena.Cut("weights", 4);
        Assert.That(() => new Ops(arena.Device).ScaleRows(factors, x), Throws.ArgumentException.With.Message
            .Contains("ScaleRows: weights [4] must hold one factor for each row of dLogits [3, 4]"));
    }
}
