using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Gradients of the rows' own q, k and v.</summary>
public sealed class AttentionPrefixBackwardCase : OpCase<AttentionPrefixReference>
{
    public override string Room => "Attention";

    public override int Order => 15;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionPrefixKernels)];

    public override string Formula =>
        "p again from q, k, logSumExp; dS = p(dP - ⟨dZ,z⟩); dq = scale sum_j dS k; dk, dv of the "
        + "row's own";

    public override string ShapesText => "qkv, run, z, logSumExp, dZ → dQkv [N,3C], written";

    public override string Grid => "group of 128 per (n, h), chunks of 128 keys / some heads";

    public override string? Tests => "AttentionPrefixTests";

    public override string? Bench => "attention prefix backward";

    public override string BenchFamily => "attention";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("qkv", "dQkv")];

    protected override IReadOnlyList<AttentionPrefixReference> Shapes =>
        [
            new(1, 1, 1, 1, [0], 1), new(3, 1, 5, 7, [0, 7, 1], 1 / Math.Sqrt(5)),
            new(4, 2, 8, 9, [9, 3, 0, 8], 1 / Math.Sqrt(8)), new(2, 1, 66, 131, [131, 40], 0.12),
        ];

    protected override IReadOnlyList<AttentionPrefixReference> LargeShapes =>
        [
            new(5, 3, 64, 300, [128, 129, 256, 299, 127], 0.125),
            new(7, 2, 20, 1100, [1100, 0, 1, 513, 640, 255, 5], 1 / Math.Sqrt(20)),
            new(3, 1, 97, 70, [70, 31, 16], 1 / Math.Sqrt(97)),
            new(2, 2, 128, 400, [399, 5], 1 / Math.Sqrt(128)),
        ];

    protected override AttentionPrefixReference SharedShape =>
        new(40, 3, 24, 200, [.. Enumerable.Range(100, 40)], 0.2);

    protected override AttentionPrefixReference GradientShape => new(3, 2, 3, 4, [4, 0, 2], 0.7);

    protected override IReadOnlyList<AttentionPrefixReference> BenchShapes =>
        [new(1024, 12, 64, 256, [.. Enumerable.Repeat(256, 1024)], 0.125)];

    protected override Cost Bytes(AttentionPrefixReference s)
        => new(8.0 * s.Capacity * s.C + 32.0 * s.N * s.C, "8·keys·C + 32·N·C");

    protected override Cost Flops(AttentionPrefixReference s)
        => new(6.0 * s.C * s.Lengths.Sum(n => n + 1.0), "6·keys·C·N");

    protected override void Declare(AttentionPrefixReference s, OpData d)
    {
        d.Input("qkv", Normal(31, s.N * 3 * s.C), s.N, 3 * s.C);
        d.Indices("lengths", s.Lengths);
        d.Input("keys", Normal(33, s.Capacity * s.C), s.H, s.Capacity, s.D);
        d.Input("values", Normal(34, s.Capacity * s.C), s.H, s.Capacity, s.D);
        d.Input("dZ", Normal(32, s.N * s.C), s.N, s.C);
        d.Scratch("z", s.N, s.C);
        d.Scratch("logSumExp", s.N, s.H);
        d.Output("dQkv", s.N, 3 * s.C);
    }

    protected override void Prepare(AttentionPrefixReference s, Ops ops, OpRun r)
    {
        ops.AttentionPrefix(r["qkv"], r.Indices("lengths"), r["keys"], r["values"], r["z"], r["logSumExp"],
            s.N, s.H, (float)s.Scale);
    }

    protected override void Run(AttentionPrefixReference s, Ops ops, OpRun r)
    {
        ops.AttentionPrefixBackward(r["qkv"], r.Indices("lengths"), r["keys"], r["values"], r["z"],
            r["logSumExp"], r["dZ"], r["dQkv"], s.N, s.H, (float)s.Scale);
    }

    protected override void Oracle<T>(AttentionPrefixReference s, OpValues<T> v)
        => v["dQkv"] = s.Backward(v["qkv"], v["keys"], v["values"], v["dZ"]);

    protected override double Loss(AttentionPrefixReference s, OpValues<double> v)
        => s.Forward(v["qkv"], v["keys"], v["values"]).Z.Zip(v["dZ"], (z, g) => z * g).Sum();

    protected override string Text(AttentionPrefixReference s)
        => $"N={s.N} keys={s.Capacity} H={s.H} D={s.D}";
}
