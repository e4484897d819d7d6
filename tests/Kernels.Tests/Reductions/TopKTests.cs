using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class TopKTests
{
    static readonly (int Rows, int V, int K)[] Shapes =
        [(3, 1, 1), (2, 7, 7), (3, 257, 5), (2, 1025, 13), (5, 300, 1)];

    static readonly (int Rows, int V, int K)[] WideShapes = [(3, 2051, 200), (2, 50257, 50)];

    static readonly string[] Contents = ["normal", "ties", "ascending", "descending", "hostile", "equal"];

    [Test, Combinatorial]
    public void Values_and_indices_are_those_of_a_stable_sort(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Shapes))] (int Rows, int V, int K) shape,
        [ValueSource(nameof(Contents))] string contents)
        => Compare(device, shape, Fill(contents, shape.Rows * shape.V));

    [Test, Combinatorial]
    public void Wide_rows_too(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device,
        [ValueSource(nameof(WideShapes))] (int Rows, int V, int K) shape,
        [Values("normal", "ties", "ascending")] string contents)
        => Compare(device, shape, Fill(contents, shape.Rows * shape.V));

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

    static void Compare(string device, (int Rows, int V, int K) shape, float[] x)
    {
        (int rows, int V, int k) = shape;
        using var arena = new TensorArena(TestDevice.Open(device), x.Length + 2L * rows * k + rows + 256);
        var ops = new Ops(arena.Device);
        Tensor tensor = arena.Upload("x", x, rows, V), values = arena.Cut("values", rows, k);
        IndexTensor indices = arena.CutIndices("indices", rows, k), best = arena.CutIndices("best", rows);
        ops.TopK(tensor, values, indices, k);
        ops.ArgMax(tensor, best);
        int[] expected = [.. x.Chunk(V).SelectMany(row => TopKReference.Indices(row, k))];
        Assert.That(indices.ToArray(), Is.EqualTo(expected));
        Assert.That(values.ToArray(), Is.EqualTo(expected.Select((i, at) => x[at / k * V + i])));
        Assert.That(best.ToArray(), Is.EqualTo(expected.Where((_, at) => at % k == 0)));
        Assert.That(tensor.ToArray(), Is.EqualTo(x), "x is read only");
    }

    static float[] Fill(string contents, int count)
    {
        float[] x = contents switch
        {
            "ties" => [.. Integers(1, count, 9).Select(i => i - 4f)],
            "ascending" => [.. Enumerable.Range(0, count).Select(i => i * 0.5f - 70)],
            "descending" => [.. Enumerable.Range(0, count).Select(i => -1e4f - i)],
            "equal" => [.. Enumerable.Repeat(-3f, count)],
            _ => Normal(1, count),
        };
        if (contents == "hostile")
        {
            float[] odd =
            [
                float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0f, 0f,
                float.MaxValue, -float.NaN,
            ];
            int[] places = Integers(2, count, odd.Length);
            for (int i = 0; i < count; i += 3)
                x[i] = odd[places[i]];
        }
        return x;
    }
}
