using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The gradient of scores through their mask.</summary>
public sealed class SupermaskGradientCase : OpCase<VectorShape>
{
    public override string Room => "Supermask";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels => [typeof(SupermaskKernels)];

    public override string Formula => "dScores = dWeight · weight · sign(score), 0 for 0";

    public override string ShapesText => "[n] ³ → [n]";

    public override string Grid => "128 threads × up to 65,536 groups / 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "SupermaskTests";

    public override string? Bench => "supermask gradient";

    public override string BenchFamily => "supermask";

    protected override IReadOnlyList<VectorShape> Shapes => [new(1), new(7), new(257), new(517)];

    protected override IReadOnlyList<VectorShape> LargeShapes => [new(3 * 16384 + 5)];

    protected override IReadOnlyList<VectorShape> BenchShapes =>
        [new(128 * 512, 512), new(768 * 3072, 3072)];

    protected override Cost Bytes(VectorShape s) => Cost.Of(16.0 * s.N);

    protected override Cost Flops(VectorShape s) => Cost.Of(2.0 * s.N);

    protected override void Declare(VectorShape s, OpData d)
    {
        float[] kinds = [-0f, 0f, -1f, 0.5f, -0.25f], scores =
            [.. Enumerable.Range(0, s.N).Select(i => kinds[i % kinds.Length])];
        d.Input("dWeight", Normal(1, s.N));
        d.Input("weight", Normal(2, s.N));
        d.Input("scores", scores);
        d.Output("dScores", s.N);
    }

    protected override void Run(VectorShape s, Ops ops, OpRun r)
        => ops.SupermaskGradient(r["dWeight"], r["weight"], r["scores"], r["dScores"]);

    protected override void Oracle<T>(VectorShape s, OpValues<T> v)
        => v["dScores"] = SupermaskReference.Gradient(v["dWeight"], v["weight"], v["scores"]);
}
