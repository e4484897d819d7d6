using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The gradient of a product's weight.</summary>
public sealed class MatMulWeightGradientCase : OpCase<ProductShape>
{
    public override string Room => "MatMul";

    public override int Order => 2;

    public override IReadOnlyList<Type> Kernels =>
    [
        typeof(MatMulKernels),
        typeof(MatMulLargeKernels),
        typeof(MatMulPipelinedKernels),
        typeof(MatMulTensorKernels),
        typeof(MatMulPartsKernels),
    ];

    public override string Formula =>
        "dW += xᵀ dY, rows in order (kernels: parts of at least 256 rows, in order)";

    public override string ShapesText => "[rows,K], [rows,N] → [K,N]";

    public override string Grid => "as `MatMul`; few tiles: by parts, then a thread per element";

    public override string ExactnessText => "2x on ones";

    public override string? Tests => "MatMulTests";

    public override string? Bench => "matmul weight gradient";

    public override string BenchFamily => "matmul";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("weight", "dWeight")];

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
        => Cost.Of(4.0 * (s.Rows * s.K + s.Rows * s.N + 2 * s.K * s.N));

    protected override Cost Flops(ProductShape s) => Cost.Of(2.0 * s.Rows * s.K * s.N);

    protected override void Declare(ProductShape s, OpData d)
    {
        d.Input("x", Normal(1, (long)s.Rows * s.K), s.Rows, s.K);
        d.Input("weight", Normal(2, (long)s.K * s.N), s.K, s.N);
        d.Input("dY", Normal(4, (long)s.Rows * s.N), s.Rows, s.N);
        d.Sum("dWeight", s.K, s.N);
    }

    protected override void Run(ProductShape s, Ops ops, OpRun r)
        => ops.MatMulWeightGradient(r["x"], r["dY"], r["dWeight"]);

    protected override void Oracle<T>(ProductShape s, OpValues<T> v)
        => v["dWeight"] = MatMulReference.Backward(v["x"], v["weight"], v["dY"], s.Rows, s.K, s.N).DWeight;

    protected override double Loss(ProductShape s, OpValues<double> v)
    {
        double[] y = MatMulReference.MatMul(v["x"], v["weight"], null, s.Rows, s.K, s.N);
        return y.Zip(v["dY"], (a, b) => a * b).Sum();
    }
}
