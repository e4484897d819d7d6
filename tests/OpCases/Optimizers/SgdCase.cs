using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Steps of SGD with every option.</summary>
public sealed class SgdCase : OpCase<SgdShape>
{
    public override string Room => "Optimizers";

    public override int Order => 3;

    public override IReadOnlyList<Type> Kernels => [typeof(SgdKernels)];

    public override string Formula =>
        "g ← g + wd·w; b ← μ·b + (1-dampening)·g, first b = g; w ← w - lr·b, Nesterov w - lr(g + "
        + "μ·b)";

    public override string ShapesText => "[n] ³ in place";

    public override string Grid => "thread per weight / 16384 weights";

    public override string ExactnessText => "2x over 10 steps; pieces: bits of one call";

    public override string? Tests => "SgdTests";

    public override string? Bench => "sgd";

    public override string BenchFamily => "optimizers";

    // One weight; a prime; one past a vector of each width.
    protected override IReadOnlyList<SgdShape> Shapes => [.. SgdShape.Ten(1, 37, 129)];

    protected override IReadOnlyList<SgdShape> LargeShapes => [.. SgdShape.Ten(16385)];

    protected override IReadOnlyList<SgdShape> BenchShapes =>
        [
            new(50257 * 768, 1, SgdShape.Timed), new(50257 * 768, 1, SgdShape.Timed with { Momentum = 0 }),
        ];

    protected override Cost Bytes(SgdShape s)
        => new(s.Options.Momentum == 0 ? 12.0 * s.N : 20.0 * s.N, "20·N (12 without momentum)");

    protected override Cost Flops(SgdShape s)
        => new(s.Options.Momentum == 0 ? 4.0 * s.N : 7.0 * s.N, "7·N (4 without momentum)");

    protected override void Declare(SgdShape s, OpData d)
    {
        d.Input("gradients", StepsShape.Gradients(s.Steps, s.N), s.Steps, s.N);
        d.State("weight", Normal(1, s.N));
        // Before the first step the buffer may hold anything; without momentum it is not touched.
        d.State("momentum", [.. Enumerable.Repeat(s.Steps == 1 ? 0f : float.NaN, s.N)]);
    }

    protected override void Run(SgdShape s, Ops ops, OpRun r)
    {
        for (int t = 0; t < s.Steps; t++)
            ops.Sgd(StepsShape.Gradient(r, t), r["weight"], r["momentum"],
                s.Options with { First = s.Steps > 1 && t == 0 });
    }

    protected override void Oracle<T>(SgdShape s, OpValues<T> v)
    {
        SgdStep o = s.Options;
        for (int t = 0; t < s.Steps; t++)
            SgdReference.Step(StepsShape.Gradient(v["gradients"], t, s.N), v["weight"], v["momentum"],
                o.LearningRate,
                o.Momentum, o.Dampening, o.WeightDecay, o.Nesterov, s.Steps > 1 && t == 0, o.GradientScale);
    }

    protected override string BenchName(SgdShape s) => s.Options.Momentum == 0 ? "sgd" : "sgd with momentum";
}

/// <summary>Weights, and the steps that they take.</summary>
/// <param name="N">Weights.</param>
/// <param name="Steps">Steps.</param>
/// <param name="Options">Of each step.</param>
public readonly record struct SgdShape(int N, int Steps, SgdStep Options)
{
    static readonly SgdStep[] All =
    [
        new(0.05f, 0, 0, 0.1f, false, false), new(0.05f, 0.9f, 0, 0, false, false),
        new(0.05f, 0.9f, 0.3f, 0.1f, false, false, 0.5f), new(0.05f, 0.9f, 0, 0.1f, true, false),
    ];

    internal static SgdStep Timed { get; } = new(1e-4f, 0.9f, 0, 0.1f, false, false);

    internal static IEnumerable<SgdShape> Ten(params int[] lengths)
        => from n in lengths
           from options in All
           select new SgdShape(n, 10, options);

    /// <summary>The number of weights, and the options.</summary>
    public override string ToString() => Steps == 1 ? $"{N}" : $"{N}, momentum {Options.Momentum}, "
        + $"dampening {Options.Dampening}, decay {Options.WeightDecay}, Nesterov {Options.Nesterov}";
}
