using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Divergences of rows of logits, with gradients apart, over the logits, or none.</summary>
public sealed class KlDivergenceCase : OpCase<LossShape>
{
    const float Scale = 0.25f;

    public override string Room => "Losses";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels => [typeof(KlDivergenceKernels)];

    public override string Formula =>
        "Σ p (log p - log q), p = softmax(target), q = softmax(x); d = (q - p) · scale; a term "
        + "with p = 0 is 0";

    public override string ShapesText => "[rows,V] ² → [rows], [rows,V]; d may be x";

    public override string Grid => "as above";

    public override string ExactnessText =>
        "2x; equal rows exactly 0; nearly equal rows may be below 0 by rounding";

    public override string? Tests => "KlDivergenceTests";

    public override string? Bench => "kl";

    public override string BenchFamily => "losses";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("logits", "dLogits")];

    protected override IReadOnlyList<LossShape> Shapes =>
        [.. LossShape.Each((3, 1, 0, 1), (3, 7, 0, 1), (2, 257, -1e4f, 3), (5, 130, 0, 40)),
            new(2, 1025, 89, 3, Gradient.Apart)];

    protected override IReadOnlyList<LossShape> LargeShapes => [.. LossShape.Each((2, 2051, 0, 5))];

    protected override LossShape SharedShape => new(37, 2051, 0, 4, Gradient.Apart);

    protected override LossShape GradientShape => new(2, 5, 0, 2, Gradient.Apart);

    protected override IReadOnlyList<LossShape> BenchShapes =>
        [new(256, 50257, 0, 1, Gradient.None), new(256, 50257, 0, 1, Gradient.Apart)];

    protected override Cost Bytes(LossShape s)
        => new((s.Gradient == Gradient.None ? 8.0 : 12.0) * s.Rows * s.V, "12·rows·V (losses alone 8)");

    protected override Cost Flops(LossShape s)
        => new((s.Gradient == Gradient.None ? 10.0 : 14.0) * s.Rows * s.V, "14·rows·V (losses alone 10)");

    protected override void Declare(LossShape s, OpData d)
    {
        float[] logits = Normal(2, (long)s.Rows * s.V, s.Mean, s.Deviation);
        d.Input("targetLogits", Normal(1, (long)s.Rows * s.V, s.Mean, s.Deviation), s.Rows, s.V);
        d.Output("losses", s.Rows);
        if (s.Gradient == Gradient.InPlace)
            d.State("logits", logits, s.Rows, s.V);
        else
            d.Input("logits", logits, s.Rows, s.V);
        if (s.Gradient == Gradient.Apart)
            d.Output("dLogits", s.Rows, s.V);
    }

    protected override void Run(LossShape s, Ops ops, OpRun r)
    {
        Tensor? dLogits = s.Gradient switch
        {
            Gradient.None => null,
            Gradient.InPlace => r["logits"],
            _ => r["dLogits"],
        };
        ops.KlDivergence(r["targetLogits"], r["logits"], r["losses"], dLogits, Scale);
    }

    protected override void Oracle<T>(LossShape s, OpValues<T> v)
    {
        v["losses"] = KlDivergenceReference.Forward(v["targetLogits"], v["logits"], s.Rows);
        T[] gradient = KlDivergenceReference.Backward(v["targetLogits"], v["logits"], s.Rows, Scale);
        v[s.Gradient == Gradient.InPlace ? "logits" : "dLogits"] = gradient;
    }

    protected override double Loss(LossShape s, OpValues<double> v)
        => Scale * KlDivergenceReference.Forward(v["targetLogits"], v["logits"], s.Rows).Sum();

    protected override string BenchName(LossShape s)
        => s.Gradient == Gradient.None ? "kl losses" : "kl and gradient";
}
