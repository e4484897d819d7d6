using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The gradient of a product's input through a nonlinearity.</summary>
public sealed class MatMulTransposedActivateBackwardCase : OpCase<ActivatedShape>
{
    public override string Room => "MatMul";

    public override int Order => 5;

    public override IReadOnlyList<Type> Kernels =>
    [
        typeof(MatMulKernels),
        typeof(MatMulLargeKernels),
        typeof(MatMulPipelinedKernels),
        typeof(MatMulTensorKernels),
    ];

    public override string Formula => "dX = (dY Wᵀ) f'(x); kernels: product, then f'";

    public override string ShapesText => "[rows,K], [N,K], [rows,N] → [rows,N]";

    public override string Grid => "as `MatMul`";

    public override Exactness Exactness => Exactness.BitsOfOtherOps;

    public override string ExactnessText => "bits of `MatMulTransposed` and `ActivateBackward`";

    public override string? Tests => "MatMulTests";

    protected override IReadOnlyList<ActivatedShape> Shapes => ActivatedShape.Of((1, 1, 1), (9, 7, 20));

    protected override IReadOnlyList<ActivatedShape> LargeShapes =>
        ActivatedShape.Of((1, 70, 20), (9, 70, 20), (300, 70, 20));

    protected override Cost Bytes(ActivatedShape s)
        => Cost.Of(4.0 * (s.Rows * s.K + s.K * s.N + 2 * s.Rows * s.N));

    protected override Cost Flops(ActivatedShape s) => Cost.Of(2.0 * s.Rows * s.K * s.N);

    protected override void Declare(ActivatedShape s, OpData d)
    {
        d.Input("x", Normal(1, (long)s.Rows * s.K), s.Rows, s.K);
        d.Input("weight", Normal(2, (long)s.K * s.N), s.K, s.N);
        d.Input("dY", Normal(4, (long)s.Rows * s.N), s.Rows, s.N);
        d.Output("dX", s.Rows, s.K);
    }

    protected override void Run(ActivatedShape s, Ops ops, OpRun r)
        => ops.MatMulTransposedActivateBackward(r["dY"], r["weight"], r["x"], r["dX"], s.Kind);

    protected override void Separately(ActivatedShape s, Ops ops, OpRun r)
    {
        ops.MatMulTransposed(r["dY"], r["weight"], r["dX"]);
        ops.ActivateBackward(r["x"], r["dX"], r["dX"], s.Kind);
    }

    protected override string Text(ActivatedShape s) => $"{s.Rows} x {s.K} x {s.N}, {s.Kind}";
}
