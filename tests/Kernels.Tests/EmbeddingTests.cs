using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class EmbeddingTests
{
    const int Rows = 11, V = 7;

    // Repeated tokens, one that is nowhere, and no token.
    static readonly int[] Ids = [3, 0, 3, -1, 6, 3, 1, 0, -1, 2, 3];

    static readonly int[] Widths = [1, 5, 129, 257];

    [Test, Combinatorial]
    public void Gather_copies_rows_exactly(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Widths))] int C, [Values] bool accumulate)
    {
        float[] table = Normal(1, V * C), y = accumulate ? Ones(Rows * C) : new float[Rows * C];
        using var arena = new TensorArena(TestDevice.Open(device), (Rows + V) * C + 256);
        Tensor output = arena.Upload("y", Ones(Rows * C), Rows, C);
        new Ops(arena.Device).Gather(
            arena.UploadIndices("ids", Ids), arena.Upload("table", table, V, C), output, accumulate);
        EmbeddingReference.Gather(Ids, table, y, C);
        Assert.That(output.ToArray(), Is.EqualTo(y));
    }

    [Test, Combinatorial]
    public void Scatter_adds_rows_in_order(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device, [ValueSource(nameof(Widths))] int C)
    {
        float[] dY = Normal(2, Rows * C, 0, 1000f), dTable = Ones(V * C);
        using var arena = new TensorArena(TestDevice.Open(device), (Rows + V) * C + 256);
        Tensor output = arena.Upload("dTable", dTable, V, C);
        new Ops(arena.Device).ScatterAdd(arena.UploadIndices("ids", Ids), arena.Upload("dY", dY, Rows, C), output);
        EmbeddingReference.ScatterAdd(Ids, dY, dTable, C);
        Assert.That(output.ToArray(), Is.EqualTo(dTable)); // the same additions in the same order: the same bits
    }
}
