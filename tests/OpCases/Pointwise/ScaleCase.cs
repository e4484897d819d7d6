using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Elements times a factor, in place.</summary>
public sealed class ScaleCase : OpCase<VectorShape>
{
    public override string Room => "Pointwise";

    public override int Order => 6;

    public override IReadOnlyList<Type> Kernels => [typeof(ElementwiseKernels)];

    public override string Formula => "x *= factor";

    public override string ShapesText => "[n]";

    public override string Grid => "128 threads × up to 65,536 groups / 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "ElementwiseTests";

    public override string? Bench => "scale";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<VectorShape> Shapes => [new(1), new(7), new(129), new(517), new(0)];

    protected override IReadOnlyList<VectorShape> LargeShapes => [new(3 * 16384 + 5)];

    protected override IReadOnlyList<VectorShape> BenchShapes =>
        [new(1024 * 768, 768), new(1024 * 3072, 3072)];

    protected override Cost Bytes(VectorShape s) => Cost.Of(8.0 * s.N);

    protected override Cost Flops(VectorShape s) => Cost.Of(1.0 * s.N);

    protected override void Declare(VectorShape s, OpData d) => d.State("x", Normal(1, s.N));

    protected override void Run(VectorShape s, Ops ops, OpRun r) => ops.Scale(r["x"], 0.3f);

    protected override void Oracle<T>(VectorShape s, OpValues<T> v)
        => v["x"] = Array.ConvertAll(v["x"], x => x * T.CreateChecked(0.3f));
}
