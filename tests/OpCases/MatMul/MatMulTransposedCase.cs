using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The gradient of a product's input; adding is checked too.</summary>
public sealed class MatMulTransposedCase : OpCase<ProductShape>
{
    public override string Room => "MatMul";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels =>
    [
        typeof(MatMulKernels),
        typeof(MatMulLargeKernels),
        typeof(MatMulPipelinedKernels),
        typeof(MatMulTensorKernels),
    ];

    public override string Formula => "y (+)= x Wᵀ; also dX = dY Wᵀ";

    public override string ShapesText => "[rows,K], [N,K] → [rows,N]";

    public override string Grid => "as `MatMul`";

    public override string ExactnessText => "2x, also on ones";

    public override string? Tests => "MatMulTests";

    public override string? Bench => "matmul input gradient";

    public override string BenchFamily => "matmul";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("x", "dX")];

    protected override IReadOnlyList<ProductShape> Shapes =>
        [
            new(1, 1, 1), new(3, 7, 5), new(9, 257, 33), new(65, 17, 66), new(1, 19, 300), new(130, 3, 2),
            new(7, 40, 97),
        ];

    protected override ProductShape SharedShape => new(37, 300, 301);

    protected override IReadOnlyList<ProductShape> BenchShapes =>
        [
            new(1024, 768, 2304), new(1024, 3072, 768), new(256, 768, 3072), new(256, 128, 512),
            new(8, 768, 2304), new(1, 768, 2304),
        ];

    protected override Cost Bytes(ProductShape s)
        => Cost.Of(4.0 * (s.Rows * s.K + s.K * s.N + s.Rows * s.N));

    protected override Cost Flops(ProductShape s) => Cost.Of(2.0 * s.Rows * s.K * s.N);

    protected override void Declare(ProductShape s, OpData d)
    {
        d.Input("x", Normal(1, (long)s.Rows * s.K), s.Rows, s.K);
        d.Input("weight", Normal(2, (long)s.K * s.N), s.K, s.N);
        d.Input("dY", Normal(4, (long)s.Rows * s.N), s.Rows, s.N);
        d.Output("dX", s.Rows, s.K);
        d.Sum("added", s.Rows, s.K);
    }

    protected override void Run(ProductShape s, Ops ops, OpRun r)
    {
        ops.MatMulTransposed(r["dY"], r["weight"], r["dX"]);
        if (!r.IsTimed)
            ops.MatMulTransposed(r["dY"], r["weight"], r["added"], accumulate: true);
    }

    protected override void Oracle<T>(ProductShape s, OpValues<T> v)
        => v["dX"] = v["added"] = MatMulReference.Transposed(v["dY"], v["weight"], s.Rows, s.N, s.K);

    protected override double Loss(ProductShape s, OpValues<double> v)
    {
        double[] y = MatMulReference.MatMul(v["x"], v["weight"], null, s.Rows, s.K, s.N);
        return y.Zip(v["dY"], (a, b) => a * b).Sum();
    }
}
