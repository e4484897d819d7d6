using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Sums over rows, added.</summary>
public sealed class ColumnSumsCase : OpCase<MatrixShape>
{
    public override string Room => "Reductions";

    public override int Order => 6;

    public override IReadOnlyList<Type> Kernels => [typeof(ReductionKernels)];

    public override string Formula => "Σ over rows, added";

    public override string ShapesText => "[rows,C] → [C]";

    public override string Grid => "group of 256 per 8 columns / 256 columns";

    public override string ExactnessText => "2x on ones";

    public override string? Tests => "ReductionTests";

    public override string? Bench => "column sums";

    public override string BenchFamily => "reductions";

    protected override IReadOnlyList<MatrixShape> Shapes =>
        [new(1, 1, 3), new(37, 5, 3), new(3, 257, 3), new(130, 65, 3)];

    protected override IReadOnlyList<MatrixShape> LargeShapes => [new(2, 3000, 3), new(1237, 37, 3)];

    protected override IReadOnlyList<MatrixShape> BenchShapes => [new(256, 50257)];

    protected override Cost Bytes(MatrixShape s) => Cost.Of(4.0 * s.Rows * s.C);

    protected override Cost Flops(MatrixShape s) => Cost.Of(1.0 * s.Rows * s.C);

    protected override void Declare(MatrixShape s, OpData d)
    {
        d.Input("x", Normal(1, (long)s.Rows * s.C, s.Mean), s.Rows, s.C);
        d.Sum("sums", s.C);
    }

    protected override void Run(MatrixShape s, Ops ops, OpRun r) => ops.ColumnSums(r["x"], r["sums"]);

    protected override void Oracle<T>(MatrixShape s, OpValues<T> v)
        => v["sums"] = ReductionReference.ColumnSums(v["x"], s.Rows);
}
