using HeadTap.Kernels;
using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>The largest elements of a row, in order.</summary>
public sealed class TopKCase : OpCase<TopShape>
{
    public override string Room => "Reductions";

    public override int Order => 8;

    public override IReadOnlyList<Type> Kernels => [typeof(TopKKernels)];

    public override string Formula => "k largest, descending; order as `ArgMax`";

    public override string ShapesText => "[rows,V] → [rows,k] ²";

    public override string Grid =>
        "group of 256 per row, k passes / rows of 16384 elements together: block maxima, then a "
        + "sort of what the k best blocks hold above the least";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string ExactnessText => "exact";

    public override string? Tests => "TopKTests";

    public override string? Bench => "top-k";

    public override string BenchFamily => "reductions";

    public override bool HasSums => false;

    protected override IReadOnlyList<TopShape> Shapes => TopShape.Each((3, 1, 1), (2, 7, 7), (3, 257, 5));

    protected override IReadOnlyList<TopShape> LargeShapes =>
        [.. TopShape.Each((2, 1025, 13), (5, 300, 1), (3, 2051, 200)), new(2, 50257, 50, Logits.Normal),
            new(2, 50257, 50, Logits.Ties), new(2, 50257, 50, Logits.Ascending)];

    protected override IReadOnlyList<TopShape> BenchShapes =>
        [new(256, 50257, 50, Logits.Normal), new(256, 50257, 200, Logits.Normal)];

    protected override Cost Bytes(TopShape s) => Cost.Of(4.0 * s.Rows * s.V);

    protected override void Declare(TopShape s, OpData d)
    {
        d.Input("x", s.Fill(), s.Rows, s.V);
        d.Output("values", s.Rows, s.K);
        d.IndexOutput("indices", s.Rows, s.K);
    }

    protected override void Run(TopShape s, Ops ops, OpRun r)
        => ops.TopK(r["x"], r["values"], r.Indices("indices"), s.K);

    protected override void Oracle<T>(TopShape s, OpValues<T> v)
    {
        int[] best = s.Best(v["x"]);
        v.SetIndices("indices", best);
        v["values"] = [.. best.Select((i, at) => v["x"][at / s.K * s.V + i])];
    }

    protected override string BenchName(TopShape s) => $"top-k, k = {s.K}";
}
