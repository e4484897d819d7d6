using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Gradients of q, k and v of fused attention.</summary>
public sealed class AttentionBackwardCase : OpCase<AttentionReference>
{
    public override string Room => "Attention";

    public override int Order => 2;

    public override IReadOnlyList<Type> Kernels =>
    [
        typeof(AttentionBackwardKernels),
        typeof(AttentionTensorBackwardKernels),
    ];

    public override string Formula => "p again from q, k, logSumExp; dS = p(dP - ⟨dZ,z⟩); dQ, dK, dV";

    public override string ShapesText => "qkv, z, logSumExp, dZ → dQkv [rows,3C], written";

    public override string Grid =>
        "thread per ⟨dZ,z⟩, then group of 64 per (b, h, 32 queries), then per (b, h, 32 keys) / "
        + "(b, h)";

    public override string? Tests => "AttentionTests";

    public override string? Bench => "attention backward";

    public override string BenchFamily => "attention";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("qkv", "dQkv")];

    protected override IReadOnlyList<AttentionReference> Shapes =>
        [
            new(1, 1, 1, 1, [1], 1), new(3, 7, 1, 5, [0, 7, 1], 1 / Math.Sqrt(5)), new(2, 5, 2, 3, [5, 4], 1),
            new(1, 34, 1, 66, [33], 0.12),
        ];

    protected override IReadOnlyList<AttentionReference> LargeShapes =>
        [
            new(2, 33, 3, 64, [33, 32], 0.125), new(3, 65, 1, 20, [64, 65, 1], 1 / Math.Sqrt(20)),
            new(1, 130, 2, 32, [129], 1 / Math.Sqrt(32)), new(1, 40, 2, 128, [38], 1 / Math.Sqrt(128)),
            new(1, 70, 1, 97, [70], 1 / Math.Sqrt(97)), new(1, 1100, 1, 16, [1099], 0.25),
        ];

    protected override AttentionReference SharedShape => new(2, 150, 3, 24, [150, 67], 0.2);

    protected override AttentionReference GradientShape => new(2, 4, 2, 3, [4, 2], 0.7);

    protected override IReadOnlyList<AttentionReference> BenchShapes =>
        [AttentionShapes.Full(1, 1024), AttentionShapes.Full(4, 256), AttentionShapes.Full(4, 64)];

    protected override Cost Bytes(AttentionReference s) => new(32.0 * s.B * s.T * s.C, "32·rows·C");

    protected override Cost Flops(AttentionReference s)
        => new(10.0 * s.D * AttentionShapes.Pairs(s), "10·D·pairs (kernels 14)");

    protected override void Declare(AttentionReference s, OpData d)
    {
        d.Input("qkv", Normal(11, s.B * s.T * 3 * s.C), s.B * s.T, 3 * s.C);
        d.Input("dZ", Normal(12, s.B * s.T * s.C), s.B * s.T, s.C);
        d.Indices("lengths", s.Lengths);
        d.Scratch("z", s.B * s.T, s.C);
        d.Scratch("logSumExp", s.B, s.H, s.T);
        d.Scratch("rowDots", s.B, s.H, s.T);
        d.Output("dQkv", s.B * s.T, 3 * s.C);
    }

    protected override void Prepare(AttentionReference s, Ops ops, OpRun r)
        => ops.Attention(r["qkv"], r.Indices("lengths"), r["z"], r["logSumExp"], s.B, s.T, s.H,
            (float)s.Scale);

    protected override void Run(AttentionReference s, Ops ops, OpRun r)
    {
        ops.AttentionBackward(r["qkv"], r.Indices("lengths"), r["z"], r["logSumExp"], r["dZ"], r["rowDots"],
            r["dQkv"], s.B, s.T, s.H, (float)s.Scale);
    }

    protected override void Oracle<T>(AttentionReference s, OpValues<T> v)
        => v["dQkv"] = s.Backward(v["qkv"], s.Forward(v["qkv"]).Pattern, v["dZ"]);

    protected override double Loss(AttentionReference s, OpValues<double> v)
        => s.Forward(v["qkv"]).Z.Zip(v["dZ"], (z, g) => z * g).Sum();

    protected override string Text(AttentionReference s) => $"B={s.B} T={s.T} H={s.H} D={s.D}";
}
