using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Elements added in place.</summary>
public sealed class AddIntoCase : OpCase<VectorShape>
{
    public override string Room => "Pointwise";

    public override int Order => 3;

    public override IReadOnlyList<Type> Kernels => [typeof(ElementwiseKernels)];

    public override string Formula => "y += x";

    public override string ShapesText => "[n] ² → [n]";

    public override string Grid => "128 threads × up to 65,536 groups / 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "ElementwiseTests";

    protected override IReadOnlyList<VectorShape> Shapes => [new(1), new(7), new(129), new(517), new(0)];

    protected override IReadOnlyList<VectorShape> LargeShapes => [new(3 * 16384 + 5)];

    protected override Cost Bytes(VectorShape s) => Cost.Of(12.0 * s.N);

    protected override Cost Flops(VectorShape s) => Cost.Of(1.0 * s.N);

    protected override void Declare(VectorShape s, OpData d)
    {
        d.Input("x", Normal(1, s.N));
        d.State("y", Normal(2, s.N));
    }

    protected override void Run(VectorShape s, Ops ops, OpRun r) => ops.AddInto(r["x"], r["y"]);

    protected override void Oracle<T>(VectorShape s, OpValues<T> v)
        => v["y"] = [.. v["x"].Zip(v["y"], (x, y) => y + x)];
}
