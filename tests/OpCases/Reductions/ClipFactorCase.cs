using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The factor that shortens a gradient to a norm.</summary>
public sealed class ClipFactorCase : OpCase<SumShape>
{
    public override string Room => "Reductions";

    public override int Order => 3;

    public override IReadOnlyList<Type> Kernels => [typeof(ReductionKernels)];

    public override string Formula => "min(1, max / (norm + 1e-6)), norm = √Σ x²";

    public override string ShapesText => "[n] → float64";

    public override string Grid => "as above; squares scaled by a power of two chosen per cut";

    public override string ExactnessText => "2x; in range for every float32";

    public override string? Tests => "ReductionTests";

    protected override IReadOnlyList<SumShape> Shapes => [new(1, 0), new(37, 100), new(16385, 0)];

    protected override IReadOnlyList<SumShape> LargeShapes => [new(50001, 100)];

    protected override Cost Bytes(SumShape s) => Cost.Of(4.0 * s.N);

    protected override Cost Flops(SumShape s) => Cost.Of(2.0 * s.N);

    protected override void Declare(SumShape s, OpData d)
    {
        d.Input("gradients", Normal(s.N, s.N, s.Mean));
        d.Numbers["factor"] = 0;
        d.Numbers["norm"] = 0;
    }

    protected override void Run(SumShape s, Ops ops, OpRun r)
    {
        r.Numbers["factor"] = ops.ClipFactor(r["gradients"], 1f, out double norm);
        r.Numbers["norm"] = norm;
    }

    protected override void Oracle<T>(SumShape s, OpValues<T> v)
    {
        T norm = ReductionReference.Norm(v["gradients"]);
        v.SetNumber("norm", norm);
        v.SetNumber("factor", T.Min(T.One, T.One / (norm + T.CreateChecked(1e-6))));
    }
}
