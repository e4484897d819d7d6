using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>A linear layer's product; adding is checked too.</summary>
public sealed class MatMulCase : OpCase<ProductShape>
{
    public override string Room => "MatMul";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels =>
    [
        typeof(MatMulKernels),
        typeof(MatMulLargeKernels),
        typeof(MatMulPipelinedKernels),
        typeof(MatMulTensorKernels),
    ];

    public override string Formula => "y (+)= x W + bias";

    public override string ShapesText => "[rows,K], [K,N], [N] → [rows,N]";

    public override string Grid =>
        "group of 256 per tile / up to 256 rows x 16 panels of two vectors, at least 1 M "
        + "multiply-adds";

    public override string ExactnessText => "2x, also on ones";

    public override string? Tests => "MatMulTests";

    public override string? Bench => "matmul forward";

    public override string BenchFamily => "matmul";

    // One element; primes; one past a row tile, a term block and a panel of the host; one past the tiles of
    // the kernel; one row and wide; tall and thin; one past the panels of every vector width.
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
        d.Input("bias", Normal(3, s.N));
        d.Output("y", s.Rows, s.N);
        d.Sum("added", s.Rows, s.N);
        d.Output("without bias", s.Rows, s.N);
    }

    protected override void Run(ProductShape s, Ops ops, OpRun r)
    {
        ops.MatMul(r["x"], r["weight"], r["bias"], r["y"]);
        if (r.IsTimed)
            return;
        ops.MatMul(r["x"], r["weight"], r["bias"], r["added"], accumulate: true);
        ops.MatMul(r["x"], r["weight"], null, r["without bias"]);
    }

    protected override void Oracle<T>(ProductShape s, OpValues<T> v)
    {
        v["y"] = v["added"] = MatMulReference.MatMul(v["x"], v["weight"], v["bias"], s.Rows, s.K, s.N);
        v["without bias"] = MatMulReference.MatMul(v["x"], v["weight"], null, s.Rows, s.K, s.N);
    }
}
