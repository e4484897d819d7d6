using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Values mixed by a pattern.</summary>
public sealed class AttentionMixCase : OpCase<AttentionReference>
{
    public override string Room => "Attention";

    public override int Order => 7;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionEagerKernels)];

    public override string Formula => "z_i = sum_j p_ij v_j, all j with p ≠ 0";

    public override string ShapesText => "[B,H,T,T], qkv → [rows,C]";

    public override string Grid => "thread per element of z / (b, h, every n-th block of 16 queries)";

    public override string? Tests => "AttentionEagerTests";

    public override string? Bench => "attention mix";

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
        => new(2.0 * s.D * s.B * s.H * s.T * s.T, "2·D·B·H·T²");

    protected override void Declare(AttentionReference s, OpData d)
    {
        float[] qkv = Normal(31, s.B * s.T * 3 * s.C);
        d.Input("qkv", qkv, s.B * s.T, 3 * s.C);
        d.Input("pattern", s.Forward(qkv).Pattern, s.B, s.H, s.T, s.T);
        d.Output("z", s.B * s.T, s.C);
    }

    protected override void Run(AttentionReference s, Ops ops, OpRun r)
        => ops.AttentionMix(r["pattern"], r["qkv"], r["z"], s.B, s.T, s.H);

    protected override void Oracle<T>(AttentionReference s, OpValues<T> v)
        => v["z"] = s.Mix(v["pattern"], v["qkv"]);

    protected override string Text(AttentionReference s) => $"B={s.B} T={s.T} H={s.H} D={s.D}";
}
