using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Some columns of a matrix, overwritten.</summary>
public sealed class WriteColumnsCase : OpCase<ColumnsShape>
{
    public override string Room => "Reductions";

    public override int Order => 10;

    public override IReadOnlyList<Type> Kernels => [typeof(ColumnKernels)];

    public override string Formula => "narrow = wide[:, column..column+w]; the way back";

    public override string ShapesText => "[rows,S] ↔ [rows,w]";

    public override string Grid => "group of 128 per row / rows of 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "ColumnTests";

    public override string? Bench => "write columns";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<ColumnsShape> Shapes =>
        [new(1, 1, 0, 1), new(3, 7, 0, 7), new(5, 7, 6, 1), new(2, 300, 20, 129)];

    protected override IReadOnlyList<ColumnsShape> LargeShapes => [new(1237, 41, 3, 37)];

    protected override IReadOnlyList<ColumnsShape> BenchShapes => [new(1024, 3 * 768, 768, 768)];

    protected override Cost Bytes(ColumnsShape s) => Cost.Of(8.0 * s.Rows * s.Width);

    protected override void Declare(ColumnsShape s, OpData d)
    {
        d.Input("source", Normal(2, (long)s.Rows * s.Width), s.Rows, s.Width);
        d.State("destination", Normal(1, (long)s.Rows * s.Stride), s.Rows, s.Stride);
    }

    protected override void Run(ColumnsShape s, Ops ops, OpRun r)
        => ops.WriteColumns(r["source"], r["destination"], s.Column);

    protected override void Oracle<T>(ColumnsShape s, OpValues<T> v)
        => s.Each((wide, narrow) => v["destination"][wide] = v["source"][narrow]);
}
