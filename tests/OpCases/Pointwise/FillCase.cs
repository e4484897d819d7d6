using HeadTap.Kernels;
using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>One value everywhere.</summary>
public sealed class FillCase : OpCase<VectorShape>
{
    public override string Room => "Pointwise";

    public override int Order => 7;

    public override IReadOnlyList<Type> Kernels => [typeof(ElementwiseKernels)];

    public override string Formula => "x = value";

    public override string ShapesText => "[n]";

    public override string Grid => "128 threads × up to 65,536 groups / 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "ElementwiseTests";

    public override string? Bench => "fill";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<VectorShape> Shapes => [new(1), new(7), new(129), new(517), new(0)];

    protected override IReadOnlyList<VectorShape> LargeShapes => [new(3 * 16384 + 5)];

    protected override IReadOnlyList<VectorShape> BenchShapes =>
        [new(1024 * 768, 768), new(1024 * 3072, 3072)];

    protected override Cost Bytes(VectorShape s) => Cost.Of(4.0 * s.N);

    protected override void Declare(VectorShape s, OpData d) => d.Output("x", s.N);

    protected override void Run(VectorShape s, Ops ops, OpRun r) => ops.Fill(r["x"], 2.5f);

    protected override void Oracle<T>(VectorShape s, OpValues<T> v)
        => v["x"] = [.. Enumerable.Repeat(T.CreateChecked(2.5), s.N)];
}
