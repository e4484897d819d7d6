using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>A row's mean and deviation, then weight and bias.</summary>
public sealed class LayerNormCase : OpCase<MatrixShape>
{
    internal const float Eps = 1e-5f;

    public override string Room => "LayerNorm";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels => [typeof(LayerNormKernels)];

    public override string Formula => "y = (x - mean) · rstd · weight + bias";

    public override string ShapesText => "[rows,C] → [rows,C], [rows] ²";

    public override string Grid => "group of 128 per row / 16 rows";

    public override string? Tests => "LayerNormTests";

    public override string? Bench => "layernorm forward";

    public override string BenchFamily => "layernorm";

    // One column; a prime; one past the block; a wide row; a row with a large mean. Never square.
    protected override IReadOnlyList<MatrixShape> Shapes =>
        [new(1, 1), new(3, 7), new(2, 129), new(3, 257), new(2, 96, 1000)];

    protected override MatrixShape SharedShape => new(67, 257);

    protected override IReadOnlyList<MatrixShape> BenchShapes => [new(1024, 768)];

    protected override Cost Bytes(MatrixShape s) => Cost.Of(8.0 * s.Rows * s.C);

    protected override Cost Flops(MatrixShape s) => Cost.Of(8.0 * s.Rows * s.C);

    protected override void Declare(MatrixShape s, OpData d)
    {
        d.Input("x", Normal(1, (long)s.Rows * s.C, s.Mean), s.Rows, s.C);
        d.Input("weight", Normal(2, s.C));
        d.Input("bias", Normal(3, s.C));
        d.Output("y", s.Rows, s.C);
        // A mean may cancel to nothing, where a float32 error is luck; y and the backward pass show both.
        d.Scratch("mean", s.Rows);
        d.Scratch("rstd", s.Rows);
    }

    protected override void Run(MatrixShape s, Ops ops, OpRun r)
        => ops.LayerNorm(r["x"], r["weight"], r["bias"], r["y"], r["mean"], r["rstd"], Eps);

    protected override void Oracle<T>(MatrixShape s, OpValues<T> v)
        => (v["y"], _, _) = LayerNormReference.Forward(v["x"], v["weight"], v["bias"], s.Rows, Eps);
}
