using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The Euclidean norm.</summary>
public sealed class NormCase : OpCase<SumShape>
{
    public override string Room => "Reductions";

    public override int Order => 2;

    public override IReadOnlyList<Type> Kernels => [typeof(ReductionKernels)];

    public override string Formula => "√Σ x²";

    public override string ShapesText => "[n] → float64";

    public override string Grid => "as above; squares scaled by a power of two chosen per cut";

    public override string ExactnessText => "2x; in range for every float32";

    public override string? Tests => "ReductionTests";

    public override string? Bench => "norm";

    public override string BenchFamily => "reductions";

    // One element; a prime; one past what is summed together.
    protected override IReadOnlyList<SumShape> Shapes =>
        [new(1, 0), new(37, 100), new(16385, 0), new(16385, 100)];

    protected override IReadOnlyList<SumShape> LargeShapes =>
        [new(16384, 0), new(50001, 100), new(1_000_000, 0)];

    protected override IReadOnlyList<SumShape> BenchShapes => [new(256 * 50257, 0, 50257)];

    protected override Cost Bytes(SumShape s) => Cost.Of(4.0 * s.N);

    protected override Cost Flops(SumShape s) => Cost.Of(2.0 * s.N);

    protected override void Declare(SumShape s, OpData d)
    {
        d.Input("x", Normal(s.N, s.N, s.Mean));
        d.Numbers["norm"] = 0;
    }

    protected override void Run(SumShape s, Ops ops, OpRun r) => r.Numbers["norm"] = ops.Norm(r["x"]);

    protected override void Oracle<T>(SumShape s, OpValues<T> v)
        => v.SetNumber("norm", ReductionReference.Norm(v["x"]));
}
