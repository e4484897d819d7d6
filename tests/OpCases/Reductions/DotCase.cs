using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The dot product of two vectors.</summary>
public sealed class DotCase : OpCase<SumShape>
{
    public override string Room => "Reductions";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels => [typeof(ReductionKernels)];

    public override string Formula => "Σ a b";

    public override string ShapesText => "[n] ² → float64";

    public override string Grid => "as above";

    public override string? Tests => "ReductionTests";

    public override string? Bench => "dot";

    public override string BenchFamily => "reductions";

    // One element; a prime; one past what is summed together.
    protected override IReadOnlyList<SumShape> Shapes =>
        [new(1, 0), new(37, 100), new(16385, 0), new(16385, 100)];

    protected override IReadOnlyList<SumShape> LargeShapes =>
        [new(16384, 0), new(50001, 100), new(1_000_000, 0)];

    protected override IReadOnlyList<SumShape> BenchShapes => [new(256 * 50257, 0, 50257)];

    protected override Cost Bytes(SumShape s) => Cost.Of(8.0 * s.N);

    protected override Cost Flops(SumShape s) => Cost.Of(2.0 * s.N);

    protected override void Declare(SumShape s, OpData d)
    {
        d.Input("a", Normal(s.N, s.N, s.Mean));
        d.Input("b", Normal(s.N + 1, s.N));
        d.Numbers["dot"] = s.N;
    }

    protected override void Run(SumShape s, Ops ops, OpRun r) => r.Numbers["dot"] = ops.Dot(r["a"], r["b"]);

    protected override void Oracle<T>(SumShape s, OpValues<T> v)
        => v.SetNumber("dot", ReductionReference.Dot(v["a"], v["b"]));
}
