using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Steps of AdamW with a factored second moment.</summary>
public sealed class AdamWFactoredCase : OpCase<FactoredShape>
{
    public override string Room => "Optimizers";

    public override int Order => 2;

    public override IReadOnlyList<Type> Kernels => [typeof(AdamWFactoredKernels)];

    public override string Formula =>
        "R, C running means of g² over a row, a column; v = R C / ⟨R⟩, else as `AdamW`";

    public override string ShapesText => "[rows,K] ³, [rows], [K] in place";

    public override string Grid =>
        "group of 128 per row, of 256 per 8 columns, of 128 per 4 rows / 64 rows, 256 "
        + "columns, rows of 16,384 elements";

    public override string ExactnessText => "2x over 5 steps";

    public override string? Tests => "AdamWFactoredTests";

    public override string? Bench => "adamw, factored";

    public override string BenchFamily => "optimizers";

    // One weight; a row past a block of threads; a column past a group's rows; no multiple of anything.
    protected override IReadOnlyList<FactoredShape> Shapes =>
        [new(1, 1, 5, 1, 1), new(1, 257, 5, 1, 0.125f), new(9, 1, 5, 1, 1), new(5, 33, 5, 1, 0.125f)];

    protected override IReadOnlyList<FactoredShape> LargeShapes =>
        [new(256, 1, 5, 1, 1), new(131, 1000, 5, 1, 0.125f)];

    protected override IReadOnlyList<FactoredShape> BenchShapes => [new(50257, 768, 1, 10, 1)];

    protected override Cost Bytes(FactoredShape s) => Cost.Of(24.0 * s.Rows * s.K);

    protected override Cost Flops(FactoredShape s) => Cost.Of(17.0 * s.Rows * s.K);

    protected override void Declare(FactoredShape s, OpData d)
    {
        int n = s.Rows * s.K;
        d.Input("gradients", Steep(s), s.Steps, n);
        d.State("weight", Normal(1, n), s.Rows, s.K);
        d.State("m", new float[n], s.Rows, s.K);
        d.State("rowMoments", new float[s.Rows]);
        d.State("columnMoments", new float[s.K]);
    }

    protected override void Run(FactoredShape s, Ops ops, OpRun r)
    {
        for (int t = 0; t < s.Steps; t++)
            ops.AdamWFactored(StepsShape.Gradient(r, t).Reshape(s.Rows, s.K), r["weight"], r["m"],
                r["rowMoments"],
                r["columnMoments"], StepsShape.Adam(s.First + t, s.GradientScale));
    }

    protected override void Oracle<T>(FactoredShape s, OpValues<T> v)
    {
        for (int t = 0; t < s.Steps; t++)
            AdamWFactoredReference.Step(StepsShape.Gradient(v["gradients"], t, s.Rows * s.K), v["weight"],
                v["m"],
                v["rowMoments"], v["columnMoments"], 0.01f, 0.9f, 0.999f, 1e-8f, 0.1f,
                s.First + t, s.GradientScale);
    }

    // Rows from large to small; some zeros and tiny ones.
    static float[] Steep(FactoredShape s) =>
        [.. Enumerable.Range(1, s.Steps).SelectMany(t => Normal(10 + t, s.Rows * s.K).Select(
            (g, i) => g * MathF.Pow(0.1f, i / s.K % 4) * (i % 5 switch { 3 => 0f, 4 => 1e-4f, _ => 10f })))];
}

/// <summary>A matrix of weights, and the steps that they take.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="K">Columns.</param>
/// <param name="Steps">Steps.</param>
/// <param name="First">Number of the first step.</param>
/// <param name="GradientScale">Multiplies the gradient.</param>
public readonly record struct FactoredShape(int Rows, int K, int Steps, int First, float GradientScale)
{
    /// <summary>The extents, and what is not usual.</summary>
    public override string ToString()
        => Steps == 1 ? $"{Rows} x {K}" : $"{Rows} x {K}, {Steps} steps, gradient times {GradientScale}";
}
