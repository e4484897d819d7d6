using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Steps of AdamW.</summary>
public sealed class AdamWCase : OpCase<StepsShape>
{
    public override string Room => "Optimizers";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels => [typeof(AdamWKernels)];

    public override string Formula =>
        "w ← w(1 - lr·wd); m, v moments; w ← w - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε)";

    public override string ShapesText => "[n] ⁴ in place";

    public override string Grid => "thread per weight / 16384 weights";

    public override string ExactnessText => "2x over 10 steps; pieces: bits of one call";

    public override string? Tests => "AdamWTests";

    public override string? Bench => "adamw";

    public override string BenchFamily => "optimizers";

    // One weight; a prime; one past a vector of each width.
    protected override IReadOnlyList<StepsShape> Shapes => [.. StepsShape.Ten(1, 37, 129)];

    protected override IReadOnlyList<StepsShape> LargeShapes => [.. StepsShape.Ten(16385)];

    protected override IReadOnlyList<StepsShape> BenchShapes => [new(50257 * 768, 1, 10, 1)];

    protected override Cost Bytes(StepsShape s) => Cost.Of(28.0 * s.N);

    protected override Cost Flops(StepsShape s) => Cost.Of(14.0 * s.N);

    protected override void Declare(StepsShape s, OpData d)
    {
        d.Input("gradients", StepsShape.Gradients(s.Steps, s.N), s.Steps, s.N);
        d.State("weight", Normal(1, s.N));
        d.State("m", new float[s.N]);
        d.State("v", new float[s.N]);
    }

    protected override void Run(StepsShape s, Ops ops, OpRun r)
    {
        for (int t = 0; t < s.Steps; t++)
            ops.AdamW(StepsShape.Gradient(r, t), r["weight"], r["m"], r["v"],
                StepsShape.Adam(s.First + t, s.GradientScale));
    }

    protected override void Oracle<T>(StepsShape s, OpValues<T> v)
    {
        for (int t = 0; t < s.Steps; t++)
            AdamWReference.Step(StepsShape.Gradient(v["gradients"], t, s.N), v["weight"], v["m"], v["v"],
                0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, s.First + t, s.GradientScale);
    }
}

/// <summary>Weights, and the steps that they take.</summary>
/// <param name="N">Weights.</param>
/// <param name="Steps">Steps.</param>
/// <param name="First">Number of the first step.</param>
/// <param name="GradientScale">Multiplies the gradient.</param>
public readonly record struct StepsShape(int N, int Steps, int First, float GradientScale)
{
    internal static IEnumerable<StepsShape> Ten(params int[] lengths)
        => from n in lengths
           from scale in (float[])[1f, 0.125f]
           select new StepsShape(n, 10, 1, scale);

    internal static AdamWStep Adam(int step, float scale)
        => new(0.01f, 0.9f, 0.999f, 1e-8f, 0.1f, step, scale);

    /// <summary>Gradients [steps, n]: some are zero, some tiny, some large.</summary>
    internal static float[] Gradients(int steps, int n) =>
        [.. Enumerable.Range(1, steps).SelectMany(
            t => OpData.Normal(10 + t, n).Select((g, i) => g * (i % 5) switch
            {
                3 => 0f,
                4 => 1e-6f,
                _ => 10,
            }))];

    internal static Tensor Gradient(OpRun r, int step) => r["gradients"].SliceRows(step, 1);

    internal static T[] Gradient<T>(T[] gradients, int step, int n)
        => gradients[(step * n)..((step + 1) * n)];

    /// <summary>The number of weights, and what is not usual.</summary>
    public override string ToString()
        => Steps == 1 ? $"{N}" : $"{N}, {Steps} steps, gradient times {GradientScale}";
}
