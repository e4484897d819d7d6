using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Gradients of a pattern and of the values.</summary>
public sealed class AttentionMixBackwardCase : OpCase<AttentionReference>
{
    public override string Room => "Attention";

    public override int Order => 8;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionEagerKernels)];

    public override string Formula => "dP = dZ vᵀ (written); dV += pᵀ dZ";

    public override string ShapesText => "→ [B,H,T,T], adds into dQkv";

    public override string Grid => "thread per element, two kernels / (b, h)";

    public override string ExactnessText => "2x on ones";

    public override string? Tests => "AttentionEagerTests";

    public override string? Bench => "attention mix backward";

    public override string BenchFamily => "attention";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("pattern", "dPattern"), ("qkv", "dQkv")];

    protected override IReadOnlyList<AttentionReference> Shapes =>
        [new(1, 1, 1, 1, [1], 1), new(3, 7, 1, 5, [0, 7, 1], 1 / Math.Sqrt(5)), new(2, 5, 2, 3, [5, 4], 1)];

    protected override IReadOnlyList<AttentionReference> LargeShapes =>
        [new(2, 33, 3, 64, [33, 30], 0.125), new(1, 131, 2, 20, [131], 0.3)];

    protected override AttentionReference SharedShape => new(2, 67, 3, 24, [67, 40], 0.2);

    protected override AttentionReference GradientShape => new(1, 4, 2, 3, [4], 0.7);

    protected override IReadOnlyList<AttentionReference> BenchShapes => [AttentionShapes.Full(4, 256)];

    protected override Cost Bytes(AttentionReference s)
        => new(8.0 * s.B * s.H * s.T * s.T + 12.0 * s.B * s.T * s.C, "8·B·H·T² + 12·rows·C");

    protected override Cost Flops(AttentionReference s)
        => new(4.0 * s.D * s.B * s.H * s.T * s.T, "4·D·B·H·T²");

    protected override void Declare(AttentionReference s, OpData d)
    {
        float[] qkv = Normal(31, s.B * s.T * 3 * s.C);
        d.Input("qkv", qkv, s.B * s.T, 3 * s.C);
        d.Input("pattern", s.Forward(qkv).Pattern, s.B, s.H, s.T, s.T);
        d.Input("dZ", Normal(32, s.B * s.T * s.C), s.B * s.T, s.C);
        d.Output("dPattern", s.B, s.H, s.T, s.T);
        d.Sum("dQkv", s.B * s.T, 3 * s.C);
    }

    protected override void Run(AttentionReference s, Ops ops, OpRun r)
        => ops.AttentionMixBackward(r["pattern"], r["qkv"], r["dZ"], r["dPattern"], r["dQkv"], s.B, s.T, s.H);

    protected override void Oracle<T>(AttentionReference s, OpValues<T> v)
    {
        T[] dQkv = new T[v["qkv"].Length];
        v["dPattern"] = s.MixBackward(v["pattern"], v["qkv"], v["dZ"], dQkv);
        v["dQkv"] = dQkv;
    }

    protected override double Loss(AttentionReference s, OpValues<double> v)
        => s.Mix(v["pattern"], v["qkv"]).Zip(v["dZ"], (z, g) => z * g).Sum();

    protected override string Text(AttentionReference s) => $"B={s.B} T={s.T} H={s.H} D={s.D}";
}
