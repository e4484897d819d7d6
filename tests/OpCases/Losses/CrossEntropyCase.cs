using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Losses of rows of logits, alone, with gradients, and with gradients over the logits.</summary>
public sealed class CrossEntropyCase : OpCase<LossShape>
{
    const float Scale = 0.25f;

    public override string Room => "Losses";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels => [typeof(CrossEntropyKernels)];

    public override string Formula =>
        "log Σ exp(x) - x_target; d = (softmax(x) - onehot) · scale; target -1: both 0; other "
        + "targets outside [0, V): NaN";

    public override string ShapesText => "[rows,V], [rows] → [rows], [rows,V]; d may be x";

    public override string Grid => "group of 256 per row / rows of 16384 elements together";

    public override string? Tests => "CrossEntropyTests";

    public override string? Bench => "cross-entropy";

    public override string BenchFamily => "losses";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("logits", "dLogits")];

    // A vocabulary of one; a prime; one past the block of the kernel, of the host. Means where exp underflows
    // (GPT-2's logits sit far below zero) and overflows; a deviation of 40 makes one logit dominate.
    protected override IReadOnlyList<LossShape> Shapes =>
        [.. LossShape.Each((3, 1, 0, 1), (3, 7, 0, 1), (2, 257, -1e4f, 3), (3, 300, 500, 1), (5, 130, 0, 40)),
            new(2, 1025, 89, 3, Gradient.Apart)];

    protected override IReadOnlyList<LossShape> LargeShapes => [.. LossShape.Each((2, 2051, 0, 5))];

    protected override LossShape SharedShape => new(37, 2051, 0, 4, Gradient.Apart);

    protected override LossShape GradientShape => new(3, 5, 0, 2, Gradient.Apart);

    protected override IReadOnlyList<LossShape> BenchShapes =>
        [new(256, 50257, 0, 1, Gradient.None), new(256, 50257, 0, 1, Gradient.Apart)];

    protected override Cost Bytes(LossShape s)
        => new((s.Gradient == Gradient.None ? 4.0 : 8.0) * s.Rows * s.V, "8·rows·V (losses alone 4)");

    protected override Cost Flops(LossShape s)
        => new((s.Gradient == Gradient.None ? 3.0 : 6.0) * s.Rows * s.V, "6·rows·V (losses alone 3)");

    protected override void Declare(LossShape s, OpData d)
    {
        float[] logits = Normal(1, (long)s.Rows * s.V, s.Mean, s.Deviation);
        d.Indices("targets", [s.V - 1, .. Integers(2, s.Rows - 2, s.V), -1]);
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
        ops.CrossEntropy(r["logits"], r.Indices("targets"), r["losses"], dLogits, Scale);
    }

    protected override void Oracle<T>(LossShape s, OpValues<T> v)
    {
        int[] targets = v.Indices("targets");
        v["losses"] = CrossEntropyReference.Forward(v["logits"], targets);
        T[] gradient = CrossEntropyReference.Backward(v["logits"], targets, Scale);
        v[s.Gradient == Gradient.InPlace ? "logits" : "dLogits"] = gradient;
    }

    protected override double Loss(LossShape s, OpValues<double> v)
        => Scale * CrossEntropyReference.Forward(v["logits"], v.Indices("targets")).Sum();

    protected override string BenchName(LossShape s)
        => s.Gradient == Gradient.None ? "cross-entropy losses" : "cross-entropy and gradient";
}

/// <summary>Where a loss leaves its gradient.</summary>
public enum Gradient
{
    /// <summary>Nowhere: losses alone.</summary>
    None,

    /// <summary>In a tensor of its own.</summary>
    Apart,

    /// <summary>Over the logits.</summary>
    InPlace,
}

/// <summary>Rows of logits.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="V">Vocabulary.</param>
/// <param name="Mean">Of the logits.</param>
/// <param name="Deviation">Of the logits.</param>
/// <param name="Gradient">Whether and where the gradient is written.</param>
public readonly record struct LossShape(int Rows, int V, float Mean, float Deviation, Gradient Gradient)
{
    internal static IEnumerable<LossShape> Each(params (int Rows, int V, float Mean, float Deviation)[] sizes)
        => from s in sizes
           from gradient in Enum.GetValues<Gradient>()
           select new LossShape(s.Rows, s.V, s.Mean, s.Deviation, gradient);

    /// <summary>The extents, and what is not usual.</summary>
    public override string ToString() => Mean == 0 && Deviation == 1 && Gradient != Gradient.InPlace
        ? $"{Rows} x {V}" : $"{Rows} x {V}, {Mean} +- {Deviation}, {Gradient}";
}
