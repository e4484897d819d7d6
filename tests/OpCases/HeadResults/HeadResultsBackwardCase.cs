using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Gradients of the heads' outputs and of the projection.</summary>
public sealed class HeadResultsBackwardCase : OpCase<HeadResultsReference>
{
    public override string Room => "HeadResults";

    public override int Order => 2;

    public override IReadOnlyList<Type> Kernels => [typeof(HeadResultsKernels)];

    public override string Formula => "dZ = dResult Wᵀ by head (written); dW += zᵀ dResult";

    public override string ShapesText => "[rows,H,C], [rows,C], [C,C] → [rows,C], [C,C]";

    public override string Grid => "as `HeadResults`, two launches / 2H strided products";

    public override string ExactnessText => "2x, dW on ones";

    public override string? Tests => "HeadResultsTests";

    public override string? Bench => "headresults backward";

    public override string BenchFamily => "headresults";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("z", "dZ"), ("weight", "dWeight")];

    protected override IReadOnlyList<HeadResultsReference> Shapes =>
        [new(1, 1, 1), new(3, 2, 5), new(2, 3, 11), new(4, 2, 17)];

    protected override IReadOnlyList<HeadResultsReference> LargeShapes =>
        [new(17, 4, 32), new(33, 3, 64), new(9, 12, 6)];

    protected override HeadResultsReference SharedShape => new(67, 3, 24);

    protected override HeadResultsReference GradientShape => new(3, 2, 2);

    protected override IReadOnlyList<HeadResultsReference> BenchShapes =>
        [new(256, 12, 64), new(1024, 12, 64)];

    protected override Cost Bytes(HeadResultsReference s)
        => Cost.Of(4.0 * (s.Rows * s.C * (2 + 2 * s.H) + 3 * s.C * s.C));

    protected override Cost Flops(HeadResultsReference s) => Cost.Of(4.0 * s.Rows * s.C * s.C);

    protected override void Declare(HeadResultsReference s, OpData d)
    {
        d.Input("z", Normal(1, s.Rows * s.C), s.Rows, s.C);
        d.Input("weight", Normal(2, s.C * s.C), s.C, s.C);
        d.Input("dResult", Normal(4, s.Rows * s.H * s.C), s.Rows, s.H, s.C);
        d.Output("dZ", s.Rows, s.C);
        d.Sum("dWeight", s.C, s.C);
    }

    protected override void Run(HeadResultsReference s, Ops ops, OpRun r)
        => ops.HeadResultsBackward(r["dResult"], r["z"], r["weight"], r["dZ"], r["dWeight"], s.H);

    protected override void Oracle<T>(HeadResultsReference s, OpValues<T> v)
        => (v["dZ"], v["dWeight"]) = s.Backward(v["dResult"], v["z"], v["weight"]);

    protected override double Loss(HeadResultsReference s, OpValues<double> v)
        => s.Forward(v["z"], v["weight"]).Zip(v["dResult"], (a, b) => a * b).Sum();

    protected override string Text(HeadResultsReference s) => $"{s.Rows} x {s.H} x {s.C}";
}
