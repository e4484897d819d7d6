using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The pattern of scores.</summary>
public sealed class SoftmaxRowsCase : OpCase<AttentionReference>
{
    public override string Room => "Attention";

    public override int Order => 5;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionEagerKernels)];

    public override string Formula => "exp(s - max) / sum; a row of -∞ gives 0";

    public override string ShapesText => "[n,m] → [n,m]";

    public override string Grid => "group of 128 per row / 8 rows";

    public override string? Tests => "AttentionEagerTests";

    public override string? Bench => "softmax rows";

    public override string BenchFamily => "attention";

    protected override IReadOnlyList<AttentionReference> Shapes =>
        [new(1, 1, 1, 1, [1], 1), new(3, 7, 1, 5, [0, 7, 1], 1 / Math.Sqrt(5)), new(2, 5, 2, 3, [5, 4], 1)];

    protected override IReadOnlyList<AttentionReference> LargeShapes =>
        [new(2, 33, 3, 64, [33, 30], 0.125), new(1, 131, 2, 20, [131], 0.3)];

    protected override AttentionReference SharedShape => new(2, 67, 3, 24, [67, 40], 0.2);

    protected override IReadOnlyList<AttentionReference> BenchShapes => [AttentionShapes.Full(4, 256)];

    protected override Cost Bytes(AttentionReference s) => new(8.0 * s.B * s.H * s.T * s.T, "8·n·m");

    protected override void Declare(AttentionReference s, OpData d)
    {
        d.Input("scores", s.Scores(Normal(31, s.B * s.T * 3 * s.C)), s.B, s.H, s.T, s.T);
        d.Output("pattern", s.B, s.H, s.T, s.T);
    }

    protected override void Run(AttentionReference s, Ops ops, OpRun r)
        => ops.SoftmaxRows(r["scores"], r["pattern"]);

    protected override void Oracle<T>(AttentionReference s, OpValues<T> v)
        => v["pattern"] = s.Softmax(v["scores"]);

    protected override string Text(AttentionReference s) => $"B={s.B} T={s.T} H={s.H} D={s.D}";
}
