using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Elements where a mask is set; NaN is, both zeros are not.</summary>
public sealed class MaskedCopyCase : OpCase<VectorShape>
{
    public override string Room => "Pointwise";

    public override int Order => 9;

    public override IReadOnlyList<Type> Kernels => [typeof(ElementwiseKernels)];

    public override string Formula => "destination = source where mask ≠ 0";

    public override string ShapesText => "[n] ² → [n]";

    public override string Grid => "128 threads × up to 65,536 groups / 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "ElementwiseTests";

    public override string? Bench => "masked copy";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<VectorShape> Shapes => [new(1), new(7), new(129), new(517), new(0)];

    protected override IReadOnlyList<VectorShape> LargeShapes => [new(3 * 16384 + 5)];

    protected override IReadOnlyList<VectorShape> BenchShapes =>
        [new(1024 * 768, 768), new(1024 * 3072, 3072)];

    protected override Cost Bytes(VectorShape s) => Cost.Of(16.0 * s.N);

    protected override void Declare(VectorShape s, OpData d)
    {
        float[] masks = [0f, float.NaN, -0f, 1e-30f, -2f];
        d.Input("source", Normal(1, s.N));
        d.Input("mask", [.. Enumerable.Range(0, s.N).Select(i => masks[i % masks.Length])]);
        d.State("destination", Normal(2, s.N));
    }

    protected override void Run(VectorShape s, Ops ops, OpRun r)
        => ops.MaskedCopy(r["source"], r["mask"], r["destination"]);

    protected override void Oracle<T>(VectorShape s, OpValues<T> v)
    {
        for (int i = 0; i < s.N; i++)
            if (v["mask"][i] != T.Zero)
                v["destination"][i] = v["source"][i];
    }
}
