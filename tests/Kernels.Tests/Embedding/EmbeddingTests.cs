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
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Widths))] int C)
    {
        float[] dY = Normal(2, Rows * C, 0, 1000f), dTable = Ones(V * C);
        using var arena = new TensorArena(TestDevice.Open(device), (Rows + V) * C + 256);
        Tensor output = arena.Upload("dTable", dTable, V, C);
        new Ops(arena.Device).ScatterAdd(arena.UploadIndices("ids", Ids),
            arena.Upload("dY", dY, Rows, C), output);
        EmbeddingReference.ScatterAdd(Ids, dY, dTable, C);
        // the same additions in the same order: the same bits
        Assert.That(output.ToArray(), Is.EqualTo(dTable));
    }

    [Test]
    public void The_oracle_scatter_agrees_with_finite_differences()
    {
        const int C = 3;
        double[] table = Wide(Normal(1, V * C)), weights = Wide(Normal(2, Rows * C)),
            dTable = new double[V * C];
        double Loss()
        {
            double[] y = new double[Rows * C];
            EmbeddingReference.Gather(Ids, table, y, C);
            return y.Zip(weights, (a, b) => a * b).Sum();
        }
        EmbeddingReference.ScatterAdd(Ids, weights, dTable, C);
        Agreement.Differences("dTable", Loss, table, dTable);
    }

    // More rows than a group has threads, and more columns than a host item has.
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Many_repeated_tokens_scatter_in_order(string device)
    {
        const int rows = 301, C = 389, v = 5;
        int[] ids = Integers(4, rows, v);
        float[] dY = Normal(2, rows * C, 0, 1000f), dTable = Ones(v * C);
        using var arena = new TensorArena(TestDevice.Open(device), (rows + v) * C + 512);
        Tensor output = arena.Upload("dTable", dTable, v, C);
        new Ops(arena.Device).ScatterAdd(arena.UploadIndices("ids", ids),
            arena.Upload("dY", dY, rows, C), output);
        EmbeddingReference.ScatterAdd(ids, dY, dTable, C);
        Assert.That(output.ToArray(), Is.EqualTo(dTable));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void An_id_past_the_table_is_refused_or_skipped_and_never_read(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 512);
        var ops = new Ops(arena.Device);
        IndexTensor ids = arena.UploadIndices("ids", [1, V, -1, -5]);
        Tensor table = arena.Upload("table", Ones(V * 3), V, 3), y = arena.Upload("y", Ones(12), 4, 3);
        if (device.StartsWith("cpu", StringComparison.Ordinal))
        {
            Assert.That(() => ops.Gather(ids, table, y),
                Throws.ArgumentException.With.Message.Contains(
                    "Gather: ids [4] holds 7 at 1; table [7, 3] has rows 0 to 6"));
            Assert.That(() => ops.ScatterAdd(ids, y, table), Throws.ArgumentException);
            return;
        }
        ops.Gather(ids, table, y);
        Assert.That(y.ToArray(), Is.EqualTo((float[])[1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        ops.ScatterAdd(ids, y, table);
        Assert.That(table.ToArray().Sum(), Is.EqualTo(V * 3 + 3));
    }
}
