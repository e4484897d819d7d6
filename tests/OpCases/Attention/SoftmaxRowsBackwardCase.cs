using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Gradients of scores.</summary>
public sealed class SoftmaxRowsBackwardCase : OpCase<AttentionReference>
{
    public override string Room => "Attention";

    public override int Order => 6;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionEagerKernels)];

    public override string Formula => "p (dP - ⟨p,dP⟩); 0 where p = 0";

    public override string ShapesText => "[n,m] ² → [n,m]";

    public override string Grid => "group of 128 per row / 8 rows";

    public override string? Tests => "AttentionEagerTests";

    public override string? Bench => "softmax rows backward";

    public override string BenchFamily => "attention";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("scores", "dScores")];

    protected override IReadOnlyList<AttentionReference> Shapes =>
        [new(1, 1, 1, 1, [1], 1), new(3, 7, 1, 5, [0, 7, 1], 1 / Math.Sqrt(5)), new(2, 5, 2, 3, [5, 4], 1)];

    protected override IReadOnlyList<AttentionReference> LargeShapes =>
        [new(2, 33, 3, 64, [33, 30], 0.125), new(1, 131, 2, 20, [131], 0.3)];

    protected override AttentionReference SharedShape => new(2, 67, 3, 24, [67, 40], 0.2);

    protected override AttentionReference GradientShape => new(1, 4, 2, 3, [4], 0.7);

    protected override IReadOnlyList<AttentionReference> BenchShapes => [AttentionShapes.Full(4, 256)];

    protected override Cost Bytes(AttentionReference s) => new(12.0 * s.B * s.H * s.T * s.T, "12·n·m");

    protected override Cost Flops(AttentionReference s) => new(4.0 * s.B * s.H * s.T * s.T, "4·n·m");

    protected override void Declare(AttentionReference s, OpData d)
    {
        float[] scores = s.Scores(Normal(31, s.B * s.T * 3 * s.C));
        d.Input("scores", scores, s.B, s.H, s.T, s.T);
        d.Scratch("pattern", s.B, s.H, s.T, s.T);
        d.Input("dPattern", Normal(32, scores.Length), s.B, s.H, s.T, s.T);
        d.Output("dScores", s.B, s.H, s.T, s.T);
    }

    protected override void Prepare(AttentionReference s, Ops ops, OpRun r)
        => ops.SoftmaxRows(r["scores"], r["pattern"]);

    protected override void Run(AttentionReference s, Ops ops, OpRun r)
        => ops.SoftmaxRowsBackward(r["pattern"], r["dPattern"], r["dScores"]);

    protected override void Oracle<T>(AttentionReference s, OpValues<T> v)
        => v["dScores"] = s.SoftmaxBackward(s.Softmax(v["scores"]), v["dPattern"]);

    protected override double Loss(AttentionReference s, OpValues<double> v)
        => s.Softmax(v["scores"]).Zip(v["dPattern"], (p, g) => p * g).Sum();

    protected override string Text(AttentionReference s) => $"B={s.B} T={s.T} H={s.H} D={s.D}";
}
