using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Causal attention, fused.</summary>
public sealed class AttentionCase : OpCase<AttentionReference>
{
    public override string Room => "Attention";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels =>
    [
        typeof(AttentionKernels),
        typeof(AttentionTensorKernels),
    ];

    public override string Formula => "z = softmax(scale q kᵀ, causal) v; logSumExp";

    public override string ShapesText => "qkv [rows,3C] → z [rows,C], [B,H,T]";

    public override string Grid =>
        "group of 64 per (b, h, 32 queries), 4 x 4 scores and 4 x 8 outputs a thread / (b, h, "
        + "every n-th tile of two vectors of queries)";

    public override string ExactnessText => "2x; a row's bits do not depend on T or its batch";

    public override string? Tests => "AttentionTests";

    public override string? Bench => "attention forward";

    public override string BenchFamily => "attention";

    // One token; lengths 0, 1 and T in one batch; heads that no vector width divides; two tiles and two
    // chunks of columns; no square anywhere.
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

    protected override IReadOnlyList<AttentionReference> BenchShapes =>
        [AttentionShapes.Full(1, 1024), AttentionShapes.Full(4, 256), AttentionShapes.Full(4, 64)];

    protected override Cost Bytes(AttentionReference s) => new(16.0 * s.B * s.T * s.C, "16·rows·C");

    protected override Cost Flops(AttentionReference s)
        => new(4.0 * s.D * AttentionShapes.Pairs(s), "4·D·pairs");

    protected override void Declare(AttentionReference s, OpData d)
    {
        d.Input("qkv", Normal(11, s.B * s.T * 3 * s.C), s.B * s.T, 3 * s.C);
        d.Indices("lengths", s.Lengths);
        d.Output("z", s.B * s.T, s.C);
        d.Output("logSumExp", s.B, s.H, s.T);
    }

    protected override void Run(AttentionReference s, Ops ops, OpRun r)
        => ops.Attention(r["qkv"], r.Indices("lengths"), r["z"], r["logSumExp"], s.B, s.T, s.H,
            (float)s.Scale);

    protected override void Oracle<T>(AttentionReference s, OpValues<T> v)
        => (v["z"], v["logSumExp"], _) = s.Forward(v["qkv"]);

    protected override string Text(AttentionReference s) => $"B={s.B} T={s.T} H={s.H} D={s.D}";
}

/// <summary>Sizes of attention that several cases share.</summary>
static class AttentionShapes
{
    /// <summary>GPT-2's heads, every token real.</summary>
    internal static AttentionReference Full(int B, int T)
        => new(B, T, 12, 64, [.. Enumerable.Repeat(T, B)], 0.125);

    /// <summary>What a causal pattern holds.</summary>
    internal static double Pairs(AttentionReference s)
        => s.H * s.Lengths.Sum(n => n * (n + 1.0) / 2);
}
