using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The gradient of a linear layer's bias.</summary>
public sealed class BiasGradientCase : OpCase<MatrixShape>
{
    public override string Room => "MatMul";

    public override int Order => 6;

    public override IReadOnlyList<Type> Kernels => [typeof(MatMulKernels)];

    public override string Formula => "db += Σ rows of dY";

    public override string ShapesText => "[rows,N] → [N]";

    public override string Grid => "group of 256 per 8 columns / 64 columns";

    public override string ExactnessText => "2x on ones";

    public override string? Tests => "MatMulTests";

    public override string? Bench => "matmul bias gradient";

    public override string BenchFamily => "matmul";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("bias", "dBias")];

    protected override IReadOnlyList<MatrixShape> Shapes =>
        [new(1, 1), new(7, 5), new(130, 66), new(3, 300)];

    protected override MatrixShape SharedShape => new(67, 301);

    protected override IReadOnlyList<MatrixShape> BenchShapes => [new(1024, 2304), new(8, 2304)];

    protected override Cost Bytes(MatrixShape s) => Cost.Of(4.0 * s.Rows * s.C);

    protected override Cost Flops(MatrixShape s) => Cost.Of(1.0 * s.Rows * s.C);

    protected override void Declare(MatrixShape s, OpData d)
    {
        d.Input("dY", Normal(4, (long)s.Rows * s.C), s.Rows, s.C);
        d.Input("bias", Normal(3, s.C));
        d.Sum("dBias", s.C);
    }

    protected override void Run(MatrixShape s, Ops ops, OpRun r) => ops.BiasGradient(r["dY"], r["dBias"]);

    protected override void Oracle<T>(MatrixShape s, OpValues<T> v)
        => v["dBias"] = ReductionReference.ColumnSums(v["dY"], s.Rows);

    protected override double Loss(MatrixShape s, OpValues<double> v)
        => v["dY"].Select((g, i) => g * v["bias"][i % s.C]).Sum();
}
