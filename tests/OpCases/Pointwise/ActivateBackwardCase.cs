using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The gradient through a nonlinearity, from its input alone.</summary>
public sealed class ActivateBackwardCase : OpCase<ActivationShape>
{
    public override string Room => "Pointwise";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels => [typeof(ActivationKernels)];

    public override string Formula =>
        "dX = dY f'(x); GeluTanh: s + x s (1 - s) 2u', s = 1 / (1 + e^(-2u)); GeluExact: Φ(x) + "
        + "x e^(-x²/2) / √(2π); Relu: 1 where x > 0";

    public override string ShapesText => "[n] ² → [n]";

    public override string Grid => "128 threads × up to 65,536 groups / 16,384 elements";

    public override string ExactnessText => "2x; Relu equal bits";

    public override string? Tests => "ActivationTests";

    public override string? Bench => "GeluTanh backward";

    public override string BenchFamily => "pointwise";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("x", "dX")];

    protected override IReadOnlyList<ActivationShape> Shapes => ActivationShape.Tested;

    protected override IReadOnlyList<ActivationShape> LargeShapes => ActivationShape.Long;

    protected override ActivationShape GradientShape => new(Activation.GeluTanh, 9, 3);

    protected override IReadOnlyList<ActivationShape> BenchShapes => ActivationShape.Timed;

    protected override Cost Bytes(ActivationShape s) => Cost.Of(12.0 * s.N);

    protected override Cost Flops(ActivationShape s)
        => new(1.4 * s.Flops * s.N, "39·n (GeluTanh), 70·n (GeluExact), n (Relu)");

    protected override void Declare(ActivationShape s, OpData d)
    {
        d.Input("x", s.Values());
        d.Input("dY", s.N == 1 ? [1f] : Normal(2, s.N));
        d.Output("dX", s.N);
    }

    protected override void Run(ActivationShape s, Ops ops, OpRun r)
        => ops.ActivateBackward(r["x"], r["dY"], r["dX"], s.Kind);

    protected override void Oracle<T>(ActivationShape s, OpValues<T> v)
        => v["dX"] = [.. v["x"].Zip(v["dY"], (x, g) => g * s.Slope(x))];

    protected override double Loss(ActivationShape s, OpValues<double> v)
        => v["x"].Zip(v["dY"], (x, g) => g * s.Value(x)).Sum();

    protected override string BenchName(ActivationShape s) => $"{s.Kind} backward";
}
