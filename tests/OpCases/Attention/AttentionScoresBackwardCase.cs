using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Gradients of queries and keys.</summary>
public sealed class AttentionScoresBackwardCase : OpCase<AttentionReference>
{
    public override string Room => "Attention";

    public override int Order => 9;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionEagerKernels)];

    public override string Formula => "dQ += scale dS k; dK += scale dSᵀ q, j ≤ i";

    public override string ShapesText => "adds into dQkv";

    public override string Grid => "thread per element of q / (b, h)";

    public override string ExactnessText => "2x on ones";

    public override string? Tests => "AttentionEagerTests";

    public override string? Bench => "attention scores backward";

    public override string BenchFamily => "attention";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("qkv", "dQkv")];

    protected override IReadOnlyList<AttentionReference> Shapes =>
        [new(1, 1, 1, 1, [1], 1), new(3, 7, 1, 5, [0, 7, 1], 1 / Math.Sqrt(5)), new(2, 5, 2, 3, [5, 4], 1)];

    protected override IReadOnlyList<AttentionReference> LargeShapes =>
        [new(2, 33, 3, 64, [33, 30], 0.125), new(1, 131, 2, 20, [131], 0.3)];

    protected override AttentionReference SharedShape => new(2, 67, 3, 24, [67, 40], 0.2);

    protected override AttentionReference GradientShape => new(1, 4, 2, 3, [4], 0.7);

    protected override IReadOnlyList<AttentionReference> BenchShapes => [AttentionShapes.Full(4, 256)];

    protected override Cost Bytes(AttentionReference s)
        => new(4.0 * s.B * s.H * s.T * s.T + 16.0 * s.B * s.T * s.C, "4·B·H·T² + 16·rows·C");

    protected override Cost Flops(AttentionReference s)
        => new(4.0 * s.D * AttentionShapes.Pairs(s), "4·D·pairs");

    protected override void Declare(AttentionReference s, OpData d)
    {
        float[] qkv = Normal(31, s.B * s.T * 3 * s.C);
        (float[] z, _, float[] pattern) = s.Forward(qkv);
        float[] dPattern = s.MixBackward(pattern, qkv, Normal(32, z.Length), new float[qkv.Length]);
        d.Input("qkv", qkv, s.B * s.T, 3 * s.C);
        d.Input("dScores", s.SoftmaxBackward(pattern, dPattern), s.B, s.H, s.T, s.T);
        d.Sum("dQkv", s.B * s.T, 3 * s.C);
    }

    protected override void Run(AttentionReference s, Ops ops, OpRun r)
        => ops.AttentionScoresBackward(r["qkv"], r["dScores"], r["dQkv"], s.B, s.T, s.H, (float)s.Scale);

    protected override void Oracle<T>(AttentionReference s, OpValues<T> v)
    {
        T[] dQkv = new T[v["qkv"].Length];
        s.ScoresBackward(v["qkv"], v["dScores"], dQkv);
        v["dQkv"] = dQkv;
    }

    protected override double Loss(AttentionReference s, OpValues<double> v)
        => s.Scores(v["qkv"]).Zip(v["dScores"], (x, g) => double.IsFinite(x) ? x * g : 0).Sum();

    protected override string Text(AttentionReference s) => $"B={s.B} T={s.T} H={s.H} D={s.D}";
}
