using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The first step of AdamW over moments of 8 bits; codes have tests of their own.</summary>
public sealed class AdamW8BitCase : OpCase<StepsShape>
{
    public override string Room => "Optimizers";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels => [typeof(AdamW8BitKernels)];

    public override string Formula =>
        "as `AdamW`, m and v from codes and back: nearest, but 1 for a v > 0 that 0 is nearest "
        + "to";

    public override string ShapesText => "[n] ², codes [n/4] ints ², units [2·n/256] in place";

    public override string Grid => "group of 64 per 256 weights / 64 × 256 weights";

    public override string ExactnessText =>
        "2x a step; codes the nearest to what float32 finds; slices of whole blocks, any threads "
        + "and vectors: equal bits";

    public override string? Tests => "AdamW8BitTests";

    public override string? Bench => "adamw, 8-bit moments";

    public override string BenchFamily => "optimizers";

    // One weight; one short of a block, a block, one past it; some blocks and a ragged end.
    protected override IReadOnlyList<StepsShape> Shapes =>
        [
            new(1, 1, 1, 1), new(255, 1, 1, 0.125f), new(256, 1, 1, 1), new(257, 1, 1, 1), new(1000, 1, 1,
            0.125f),
        ];

    protected override StepsShape SharedShape => new(3 * 16384 + 77, 1, 1, 1);

    protected override IReadOnlyList<StepsShape> BenchShapes => [new(50257 * 768, 1, 10, 1)];

    protected override Cost Bytes(StepsShape s) => Cost.Of(16.0 * s.N);

    protected override Cost Flops(StepsShape s) => Cost.Of(26.0 * s.N);

    protected override void Declare(StepsShape s, OpData d)
    {
        d.Input("gradients", StepsShape.Gradients(1, s.N), 1, s.N);
        d.State("weight", Normal(1, s.N));
        d.ScratchIndices("m", (s.N + 3) / 4);
        d.ScratchIndices("v", (s.N + 3) / 4);
        d.State("units", new float[(s.N + 255) / 256 * 2]);
    }

    protected override void Run(StepsShape s, Ops ops, OpRun r)
    {
        ops.AdamW8Bit(r["gradients"], r["weight"], r.Indices("m"), r.Indices("v"), r["units"],
            StepsShape.Adam(s.First, s.GradientScale));
    }

    protected override void Oracle<T>(StepsShape s, OpValues<T> v)
    {
        AdamW8BitReference<T> state = new(v["weight"], new sbyte[s.N], new byte[s.N], v["units"]);
        state.Step(v["gradients"], 0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, s.First, s.GradientScale);
    }
}
