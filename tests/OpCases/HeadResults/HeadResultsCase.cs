using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>What each head adds to the residual stream.</summary>
public sealed class HeadResultsCase : OpCase<HeadResultsReference>
{
    public override string Room => "HeadResults";

    public override int Order => 0;

    public override IReadOnlyList<string> Methods => [nameof(Ops.HeadResults), nameof(Ops.HeadResult)];

    public override IReadOnlyList<Type> Kernels => [typeof(HeadResultsKernels)];

    public override string Formula => "result[r,h,:] = z[r,h,:] W[hD..(h+1)D,:]";

    public override string ShapesText => "z [rows,C], W [C,C] → [rows,H,C]";

    public override string Grid =>
        "kernels: the product's groups, heads on the grid's third axis, one launch / H strided "
        + "products";

    public override string? Tests => "HeadResultsTests";

    public override string? Bench => "headresults";

    public override string BenchFamily => "headresults";

    // One of everything; odd sizes; one past a tile in rows and in columns; a head wider than a tile.
    protected override IReadOnlyList<HeadResultsReference> Shapes =>
        [new(1, 1, 1), new(3, 2, 5), new(2, 3, 11), new(4, 2, 17)];

    protected override IReadOnlyList<HeadResultsReference> LargeShapes =>
        [new(17, 4, 32), new(33, 3, 64), new(9, 12, 6)];

    protected override HeadResultsReference SharedShape => new(67, 3, 24);

    protected override IReadOnlyList<HeadResultsReference> BenchShapes =>
        [new(256, 12, 64), new(1024, 12, 64)];

    protected override Cost Bytes(HeadResultsReference s)
        => Cost.Of(4.0 * (s.Rows * s.C * (1 + s.H) + s.C * s.C));

    protected override Cost Flops(HeadResultsReference s) => Cost.Of(2.0 * s.Rows * s.C * s.C);

    protected override void Declare(HeadResultsReference s, OpData d)
    {
        d.Input("z", Normal(1, s.Rows * s.C), s.Rows, s.C);
        d.Input("weight", Normal(2, s.C * s.C), s.C, s.C);
        d.Output("result", s.Rows, s.H, s.C);
        d.Output("one", s.Rows, s.C);
    }

    protected override void Run(HeadResultsReference s, Ops ops, OpRun r)
    {
        ops.HeadResults(r["z"], r["weight"], r["result"], s.H);
        if (!r.IsTimed)
            ops.HeadResult(r["z"], r["weight"], r["one"], s.H, s.H - 1);
    }

    protected override void Oracle<T>(HeadResultsReference s, OpValues<T> v)
    {
        v["result"] = s.Forward(v["z"], v["weight"]);
        v["one"] = [.. Enumerable.Range(0, s.Rows).SelectMany(
            row => v["result"].AsSpan(((row + 1) * s.H - 1) * s.C, s.C).ToArray())];
    }

    protected override string Text(HeadResultsReference s) => $"{s.Rows} x {s.H} x {s.C}";
}
