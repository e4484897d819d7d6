using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Gradients of the input, weight and bias.</summary>
public sealed class LayerNormBackwardCase : OpCase<MatrixShape>
{
    public override string Room => "LayerNorm";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels => [typeof(LayerNormKernels)];

    public override string Formula =>
        "dX += rstd (g - ⟨g⟩ - x̂⟨g x̂⟩), g = dY · weight; dWeight += Σ dY x̂; dBias += Σ dY";

    public override string ShapesText => "[rows,C] ² → [rows,C], [C] ²";

    public override string Grid =>
        "group of 128 per row, then of 256 per 8 columns / 16 rows, then 64 columns";

    public override string ExactnessText => "2x on ones";

    public override string? Tests => "LayerNormTests";

    public override string? Bench => "layernorm backward";

    public override string BenchFamily => "layernorm";

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("x", "dX"), ("weight", "dWeight"), ("bias", "dBias")];

    protected override IReadOnlyList<MatrixShape> Shapes =>
        [new(1, 1), new(3, 7), new(2, 129), new(3, 257), new(2, 96, 1000)];

    protected override MatrixShape SharedShape => new(67, 257);

    protected override IReadOnlyList<MatrixShape> BenchShapes => [new(1024, 768)];

    protected override Cost Bytes(MatrixShape s) => Cost.Of(16.0 * s.Rows * s.C);

    protected override Cost Flops(MatrixShape s) => Cost.Of(18.0 * s.Rows * s.C);

    protected override void Declare(MatrixShape s, OpData d)
    {
        d.Input("x", Normal(1, (long)s.Rows * s.C, s.Mean), s.Rows, s.C);
        d.Input("weight", Normal(2, s.C));
        d.Input("bias", Normal(3, s.C));
        d.Input("dY", Normal(4, (long)s.Rows * s.C), s.Rows, s.C);
        d.Scratch("y", s.Rows, s.C);
        d.Scratch("mean", s.Rows);
        d.Scratch("rstd", s.Rows);
        d.Sum("dX", s.Rows, s.C);
        d.Sum("dWeight", s.C);
        d.Sum("dBias", s.C);
    }

    protected override void Prepare(MatrixShape s, Ops ops, OpRun r)
        => ops.LayerNorm(r["x"], r["weight"], r["bias"], r["y"], r["mean"], r["rstd"], LayerNormCase.Eps);

    protected override void Run(MatrixShape s, Ops ops, OpRun r)
    {
        ops.LayerNormBackward(r["x"], r["weight"], r["mean"], r["rstd"], r["dY"],
            r["dX"], r["dWeight"], r["dBias"]);
    }

    protected override void Oracle<T>(MatrixShape s, OpValues<T> v)
    {
        (_, T[] mean, T[] rstd) =
            LayerNormReference.Forward(v["x"], v["weight"], v["bias"], s.Rows, LayerNormCase.Eps);
        (v["dX"], v["dWeight"], v["dBias"]) =
            LayerNormReference.Backward(v["x"], v["weight"], mean, rstd, v["dY"]);
    }

    protected override double Loss(MatrixShape s, OpValues<double> v)
    {
        double[] y = LayerNormReference.Forward(v["x"], v["weight"], v["bias"], s.Rows, LayerNormCase.Eps).Y;
        return y.Zip(v["dY"], (a, b) => a * b).Sum();
    }
}
