using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The pattern from q, k and what fused attention keeps.</summary>
public sealed class AttentionPatternCase : OpCase<AttentionReference>
{
    public override string Room => "Attention";

    public override int Order => 3;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionEagerKernels)];

    public override string Formula => "exp(scale q kᵀ - logSumExp)";

    public override string ShapesText => "qkv, [B,H,T] → [B,H,T,T]";

    public override string Grid => "thread per element / (b, h, every n-th block of 16 queries)";

    public override string? Tests => "AttentionEagerTests";

    public override string? Bench => "attention pattern";

    public override string BenchFamily => "attention";

    protected override IReadOnlyList<AttentionReference> Shapes =>
        [new(1, 1, 1, 1, [1], 1), new(3, 7, 1, 5, [0, 7, 1], 1 / Math.Sqrt(5)), new(2, 5, 2, 3, [5, 4], 1)];

    protected override IReadOnlyList<AttentionReference> LargeShapes =>
        [new(2, 33, 3, 64, [33, 30], 0.125), new(1, 131, 2, 20, [131], 0.3)];

    protected override AttentionReference SharedShape => new(2, 67, 3, 24, [67, 40], 0.2);

    protected override IReadOnlyList<AttentionReference> BenchShapes => [AttentionShapes.Full(4, 256)];

    protected override Cost Bytes(AttentionReference s)
        => new(4.0 * s.B * s.H * s.T * s.T + 8.0 * s.B * s.T * s.C, "4·B·H·T² + 8·rows·C");

    protected override Cost Flops(AttentionReference s)
        => new(2.0 * s.D * AttentionShapes.Pairs(s), "2·D·pairs");

    protected override void Declare(AttentionReference s, OpData d)
    {
        d.Input("qkv", Normal(31, s.B * s.T * 3 * s.C), s.B * s.T, 3 * s.C);
        d.Indices("lengths", s.Lengths);
        d.Scratch("z", s.B * s.T, s.C);
        d.Scratch("logSumExp", s.B, s.H, s.T);
        d.Output("pattern", s.B, s.H, s.T, s.T);
    }

    protected override void Prepare(AttentionReference s, Ops ops, OpRun r)
        => ops.Attention(r["qkv"], r.Indices("lengths"), r["z"], r["logSumExp"], s.B, s.T, s.H,
            (float)s.Scale);

    protected override void Run(AttentionReference s, Ops ops, OpRun r)
        => ops.AttentionPattern(r["qkv"], r.Indices("lengths"), r["logSumExp"], r["pattern"], s.B, s.T, s.H,
            (float)s.Scale);

    protected override void Oracle<T>(AttentionReference s, OpValues<T> v)
    {
        // Rounding logSumExp to float32 costs more than a softmax does, so the yardstick rounds it too.
        (_, T[] logSumExp, T[] pattern) = s.Forward(v["qkv"]);
        v["pattern"] = typeof(T) == typeof(double) ? pattern : s.Recompute(v["qkv"], logSumExp);
    }

    protected override string Text(AttentionReference s) => $"B={s.B} T={s.T} H={s.H} D={s.D}";
}
