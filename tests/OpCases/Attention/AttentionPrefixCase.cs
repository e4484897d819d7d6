using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Attention of rows of one token over the beginning of one run and themselves.</summary>
public sealed class AttentionPrefixCase : OpCase<AttentionPrefixReference>
{
    public override string Room => "Attention";

    public override int Order => 14;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionPrefixKernels)];

    public override string Formula =>
        "z = softmax(scale q kᵀ) v over the first lengths[n] tokens of one run and the row's "
        + "own; logSumExp";

    public override string ShapesText => "qkv [N,3C], run [H,capacity,D] ² → [N,C], [N,H]";

    public override string Grid => "group of 128 per (n, h), chunks of 128 keys / some heads";

    public override string ExactnessText => "2x; a row's bits do not depend on the others";

    public override string? Tests => "AttentionPrefixTests";

    public override string? Bench => "attention prefix";

    public override string BenchFamily => "attention";

    // One row that sees nothing but itself; all of the run and none of it side by side; heads that no vector
    // width and no quad divides; a run of one chunk and a bit; no square anywhere.
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

    protected override IReadOnlyList<AttentionPrefixReference> BenchShapes =>
        [new(1024, 12, 64, 256, [.. Enumerable.Repeat(256, 1024)], 0.125)];

    protected override Cost Bytes(AttentionPrefixReference s)
        => new(8.0 * s.Capacity * s.C + 16.0 * s.N * s.C, "8·keys·C + 16·N·C");

    protected override Cost Flops(AttentionPrefixReference s)
        => new(4.0 * s.C * s.Lengths.Sum(n => n + 1.0), "4·keys·C·N");

    protected override void Declare(AttentionPrefixReference s, OpData d)
    {
        d.Input("qkv", Normal(31, s.N * 3 * s.C), s.N, 3 * s.C);
        d.Indices("lengths", s.Lengths);
        d.Input("keys", Normal(33, s.Capacity * s.C), s.H, s.Capacity, s.D);
        d.Input("values", Normal(34, s.Capacity * s.C), s.H, s.Capacity, s.D);
        d.Output("z", s.N, s.C);
        d.Output("logSumExp", s.N, s.H);
    }

    protected override void Run(AttentionPrefixReference s, Ops ops, OpRun r)
    {
        ops.AttentionPrefix(r["qkv"], r.Indices("lengths"), r["keys"], r["values"], r["z"], r["logSumExp"],
            s.N, s.H, (float)s.Scale);
    }

    protected override void Oracle<T>(AttentionPrefixReference s, OpValues<T> v)
        => (v["z"], v["logSumExp"]) = s.Forward(v["qkv"], v["keys"], v["values"]);

    protected override string Text(AttentionPrefixReference s)
        => $"N={s.N} keys={s.Capacity} H={s.H} D={s.D}";
}
