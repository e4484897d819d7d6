using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class EmbeddingTests
{
    const int V = 7;

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
