using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>A product with its nonlinearity.</summary>
public sealed class MatMulActivateCase : OpCase<ActivatedShape>
{
    static readonly ProductShape[] Timed =
    [
        new(1024, 768, 2304), new(1024, 3072, 768), new(256, 768, 3072), new(256, 128, 512),
        new(8, 768, 2304), new(1, 768, 2304),
    ];

    public override string Room => "MatMul";

    public override int Order => 4;

    public override IReadOnlyList<Type> Kernels =>
    [
        typeof(MatMulKernels),
        typeof(MatMulLargeKernels),
        typeof(MatMulPipelinedKernels),
        typeof(MatMulTensorKernels),
    ];

    public override string Formula => "y = f(x W + bias); host: as `MatMulAdd`";

    public override string ShapesText => "as `MatMul`";

    public override string Grid => "as `MatMul`";

    public override Exactness Exactness => Exactness.BitsOfOtherOps;

    public override string ExactnessText => "bits of `MatMul` and `Activate`";

    public override string? Tests => "MatMulTests";

    public override string? Bench => "matmul and activate";

    public override string BenchFamily => "matmul";

    protected override IReadOnlyList<ActivatedShape> Shapes => ActivatedShape.Of((1, 1, 1), (9, 20, 70));

    protected override IReadOnlyList<ActivatedShape> LargeShapes => ActivatedShape.Of((300, 70, 140));

    protected override IReadOnlyList<ActivatedShape> BenchShapes =>
        [.. Timed.Select(b => new ActivatedShape(b.Rows, b.K, b.N, Activation.GeluTanh))];

    protected override Cost Bytes(ActivatedShape s)
        => Cost.Of(4.0 * (s.Rows * s.K + s.K * s.N + s.Rows * s.N));

    protected override Cost Flops(ActivatedShape s) => Cost.Of(2.0 * s.Rows * s.K * s.N);

    protected override void Declare(ActivatedShape s, OpData d)
    {
        d.Input("x", Normal(1, (long)s.Rows * s.K), s.Rows, s.K);
        d.Input("weight", Normal(2, (long)s.K * s.N), s.K, s.N);
        d.Input("bias", Normal(3, s.N));
        d.Output("y", s.Rows, s.N);
    }

    protected override void Run(ActivatedShape s, Ops ops, OpRun r)
        => ops.MatMulActivate(r["x"], r["weight"], r["bias"], r["y"], s.Kind);

    protected override void Separately(ActivatedShape s, Ops ops, OpRun r)
    {
        ops.MatMul(r["x"], r["weight"], r["bias"], r["y"]);
        ops.Activate(r["y"], r["y"], s.Kind);
    }

    protected override string Text(ActivatedShape s)
        => $"{s.Rows} x {s.K} x {s.N}" + (s.K < 128 ? $", {s.Kind}" : "");
}

/// <summary>A product and its nonlinearity.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="K">Terms.</param>
/// <param name="N">Columns.</param>
/// <param name="Kind">The nonlinearity.</param>
public readonly record struct ActivatedShape(int Rows, int K, int N, Activation Kind)
{
    internal static ActivatedShape[] Of(params (int Rows, int K, int N)[] products) =>
        [.. from p in products
            from kind in Enum.GetValues<Activation>()
            select new ActivatedShape(p.Rows, p.K, p.N, kind)];
}
