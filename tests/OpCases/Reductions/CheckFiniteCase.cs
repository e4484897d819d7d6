using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Finite tensors pass, the largest numbers too.</summary>
public sealed class CheckFiniteCase : OpCase<VectorShape>
{
    public override string Room => "Reductions";

    public override int Order => 4;

    public override IReadOnlyList<Type> Kernels => [typeof(ReductionKernels)];

    public override string Formula => "throws at the first NaN or infinity";

    public override string ShapesText => "[n]";

    public override string Grid => "as above";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string ExactnessText => "exact";

    public override string? Tests => "ReductionTests";

    public override string? Bench => "check finite";

    public override string BenchFamily => "reductions";

    public override bool HasSums => false;

    protected override IReadOnlyList<VectorShape> Shapes => [new(1), new(257), new(16385)];

    protected override IReadOnlyList<VectorShape> LargeShapes => [new(50001)];

    protected override IReadOnlyList<VectorShape> BenchShapes => [new(256 * 50257, 50257)];

    protected override Cost Bytes(VectorShape s) => Cost.Of(4.0 * s.N);

    protected override void Declare(VectorShape s, OpData d)
    {
        float[] x = Normal(1, s.N);
        (x[0], x[^1]) = (float.MaxValue, -float.MaxValue);
        d.Input("x", x);
    }

    protected override void Run(VectorShape s, Ops ops, OpRun r) => ops.CheckFinite(r["x"]);

    protected override void Oracle<T>(VectorShape s, OpValues<T> v)
    {
        _ = v["x"]; // nothing is computed
    }
}
