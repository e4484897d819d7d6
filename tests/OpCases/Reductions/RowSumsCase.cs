using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Sums over columns.</summary>
public sealed class RowSumsCase : OpCase<MatrixShape>
{
    public override string Room => "Reductions";

    public override int Order => 5;

    public override IReadOnlyList<Type> Kernels => [typeof(ReductionKernels)];

    public override string Formula => "Σ over columns, written";

    public override string ShapesText => "[rows,C] → [rows]";

    public override string Grid => "group of 256 per row / rows of 16384 elements together";

    public override string? Tests => "ReductionTests";

    public override string? Bench => "row sums";

    public override string BenchFamily => "reductions";

    protected override IReadOnlyList<MatrixShape> Shapes =>
        [new(1, 1, 3), new(37, 5, 3), new(3, 257, 3)];

    protected override IReadOnlyList<MatrixShape> LargeShapes =>
        [new(130, 65, 3), new(2, 3000, 3), new(1237, 37, 3)];

    protected override IReadOnlyList<MatrixShape> BenchShapes => [new(256, 50257)];

    protected override Cost Bytes(MatrixShape s) => Cost.Of(4.0 * s.Rows * s.C);

    protected override Cost Flops(MatrixShape s) => Cost.Of(1.0 * s.Rows * s.C);

    protected override void Declare(MatrixShape s, OpData d)
    {
        d.Input("x", Normal(1, (long)s.Rows * s.C, s.Mean), s.Rows, s.C);
        d.Output("sums", s.Rows);
    }

    protected override void Run(MatrixShape s, Ops ops, OpRun r) => ops.RowSums(r["x"], r["sums"]);

    protected override void Oracle<T>(MatrixShape s, OpValues<T> v)
        => v["sums"] = ReductionReference.RowSums(v["x"], s.Rows);
}
