using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The same elements.</summary>
public sealed class CopyCase : OpCase<VectorShape>
{
    public override string Room => "Pointwise";

    public override int Order => 8;

    public override IReadOnlyList<Type> Kernels => [typeof(ElementwiseKernels)];

    public override string Formula => "destination = source";

    public override string ShapesText => "[n] → [n]";

    public override string Grid => "the device's copy / 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "ElementwiseTests";

    public override string? Bench => "copy";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<VectorShape> Shapes => [new(1), new(7), new(129), new(517), new(0)];

    protected override IReadOnlyList<VectorShape> LargeShapes => [new(3 * 16384 + 5)];

    protected override IReadOnlyList<VectorShape> BenchShapes =>
        [new(1024 * 768, 768), new(1024 * 3072, 3072)];

    protected override Cost Bytes(VectorShape s) => Cost.Of(8.0 * s.N);

    protected override void Declare(VectorShape s, OpData d)
    {
        d.Input("source", Normal(1, s.N));
        d.Output("destination", s.N);
    }

    protected override void Run(VectorShape s, Ops ops, OpRun r) => ops.Copy(r["source"], r["destination"]);

    protected override void Oracle<T>(VectorShape s, OpValues<T> v) => v["destination"] = v["source"];
}
