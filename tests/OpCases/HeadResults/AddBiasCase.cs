using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>A bias added to every row.</summary>
public sealed class AddBiasCase : OpCase<MatrixShape>
{
    public override string Room => "HeadResults";

    public override int Order => 4;

    public override IReadOnlyList<Type> Kernels => [typeof(HeadResultsKernels)];

    public override string Formula => "y = x + bias: `HeadResultsSum` of one head";

    public override string ShapesText => "[rows,C], [C] → [rows,C]; y may be x";

    public override string Grid => "as `HeadResultsSum`";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "HeadResultsTests";

    protected override IReadOnlyList<MatrixShape> Shapes => [new(1, 1), new(3, 7), new(5, 129)];

    protected override IReadOnlyList<MatrixShape> LargeShapes => [new(67, 1025)];

    protected override Cost Bytes(MatrixShape s) => Cost.Of(8.0 * s.Rows * s.C);

    protected override Cost Flops(MatrixShape s) => Cost.Of(1.0 * s.Rows * s.C);

    protected override void Declare(MatrixShape s, OpData d)
    {
        d.State("x", Normal(1, s.Rows * s.C), s.Rows, s.C);
        d.Input("bias", Normal(3, s.C));
        d.Output("y", s.Rows, s.C);
    }

    protected override void Run(MatrixShape s, Ops ops, OpRun r)
    {
        ops.AddBias(r["x"], r["bias"], r["y"]);
        ops.AddBias(r["x"], r["bias"], r["x"]);
    }

    protected override void Oracle<T>(MatrixShape s, OpValues<T> v)
        => v["x"] = v["y"] = [.. v["x"].Select((x, i) => x + v["bias"][i % s.C])];
}
