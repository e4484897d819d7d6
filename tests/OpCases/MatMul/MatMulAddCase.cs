using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>A product added to the residual stream.</summary>
public sealed class MatMulAddCase : OpCase<ProductShape>
{
    public override string Room => "MatMul";

    public override int Order => 3;

    public override IReadOnlyList<Type> Kernels =>
    [
        typeof(MatMulKernels),
        typeof(MatMulLargeKernels),
        typeof(MatMulPipelinedKernels),
        typeof(MatMulTensorKernels),
    ];

    public override string Formula =>
        "y = residual + (x W + bias); host: added item by item, while its part of y is in cache";

    public override string ShapesText => "as `MatMul`, [rows,N]";

    public override string Grid => "as `MatMul`";

    public override Exactness Exactness => Exactness.BitsOfOtherOps;

    public override string ExactnessText => "bits of `MatMul` and `Add`";

    public override string? Tests => "MatMulTests";

    public override string? Bench => "matmul and add";

    public override string BenchFamily => "matmul";

    protected override IReadOnlyList<ProductShape> Shapes => [new(1, 1, 1), new(9, 20, 70)];

    protected override IReadOnlyList<ProductShape> LargeShapes => [new(300, 70, 140)];

    protected override IReadOnlyList<ProductShape> BenchShapes =>
        [
            new(1024, 768, 2304), new(1024, 3072, 768), new(256, 768, 3072), new(256, 128, 512),
            new(8, 768, 2304), new(1, 768, 2304),
        ];

    protected override Cost Bytes(ProductShape s)
        => Cost.Of(4.0 * (s.Rows * s.K + s.K * s.N + 2 * s.Rows * s.N));

    protected override Cost Flops(ProductShape s) => Cost.Of(2.0 * s.Rows * s.K * s.N);

    protected override void Declare(ProductShape s, OpData d)
    {
        d.Input("x", Normal(1, (long)s.Rows * s.K), s.Rows, s.K);
        d.Input("weight", Normal(2, (long)s.K * s.N), s.K, s.N);
        d.Input("bias", Normal(3, s.N));
        d.Input("residual", Normal(9, (long)s.Rows * s.N), s.Rows, s.N);
        d.Output("y", s.Rows, s.N);
    }

    protected override void Run(ProductShape s, Ops ops, OpRun r)
        => ops.MatMulAdd(r["x"], r["weight"], r["bias"], r["residual"], r["y"]);

    protected override void Separately(ProductShape s, Ops ops, OpRun r)
    {
        ops.MatMul(r["x"], r["weight"], r["bias"], r["y"]);
        ops.AddInto(r["residual"], r["y"]);
    }
}
