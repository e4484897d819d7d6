using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Bench.BenchData;

namespace HeadTap.Bench;

/// <summary>Sums over many weights, and the best tokens of rows of logits.</summary>
sealed class ReductionsBench : IBenchFamily
{
    const int Rows = 256, V = 50257, K = 50, ManyK = 200;

    public string Name => "reductions";

    public IEnumerable<OpBench> Create(ComputeDevice device)
    {
        using var arena = new TensorArena(device, 2L * Rows * V + V + 2L * Rows * (ManyK + 1) + 256);
        var ops = new Ops(device);
        Tensor x = arena.CutNormal("x", 1, Rows, V), y = arena.CutNormal("y", 2, Rows, V);
        Tensor columns = arena.Cut("columns", V), rowSums = arena.Cut("rows", Rows);
        Tensor values = arena.Cut("values", Rows, ManyK), some = values.Slice("values", 0, Rows, K);
        IndexTensor indices = arena.CutIndices("indices", Rows, ManyK), best = indices.Slice("best", 0, Rows);
        IndexTensor someIndices = indices.Slice("indices", 0, Rows, K);
        double n = (double)Rows * V;
        string shape = $"{Rows} x {V}";

        double CheckTopK()
        {
            ops.TopK(x, values, indices, ManyK);
            int[] exact = TopKReference.Indices(x.SliceRows(1, 1).ToArray(), ManyK);
            return indices.ToArray().AsSpan(ManyK, ManyK).SequenceEqual(exact) ? 0 : double.NaN;
        }
        double CheckNorm()
            => OpBench.Error([ReductionReference.Norm(Wide(x.ToArray()))], [(float)ops.Norm(x)]);

        yield return new("sum", shape, 4 * n, n, () => ops.Sum(x));
        yield return new("dot", shape, 8 * n, 2 * n, () => ops.Dot(x, y));
        yield return new("norm", shape, 4 * n, 2 * n, () => ops.Norm(x), CheckNorm);
        yield return new("check finite", shape, 4 * n, 0, () => ops.CheckFinite(x));
        yield return new("row sums", shape, 4 * n, n, () => ops.RowSums(x, rowSums));
        yield return new("column sums", shape, 4 * n, n, () => ops.ColumnSums(x, columns));
        yield return new("argmax", shape, 4 * n, 0, () => ops.ArgMax(x, best));
        yield return new($"top-k, k = {K}", shape, 4 * n, 0, () => ops.TopK(x, some, someIndices, K));
        yield return new($"top-k, k = {ManyK}", shape, 4 * n, 0,
            () => ops.TopK(x, values, indices, ManyK), CheckTopK);
    }
}
