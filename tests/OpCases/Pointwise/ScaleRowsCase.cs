using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Rows times factors of their own; 0 writes zeros over everything.</summary>
public sealed class ScaleRowsCase : OpCase<MatrixShape>
{
    public override string Room => "Pointwise";

    public override int Order => 10;

    public override IReadOnlyList<Type> Kernels => [typeof(ScaleRowsKernels)];

    public override string Formula => "x[r, c] *= factors[r]; 0 writes zeros, over NaN too";

    public override string ShapesText => "[rows,n], [rows]";

    public override string Grid => "group of 128 per row / rows of 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "ScaleRowsTests";

    public override string? Bench => "scale rows";

    public override string BenchFamily => "pointwise";

    // One element; no row; below every vector; one past the block.
    protected override IReadOnlyList<MatrixShape> Shapes =>
        [new(1, 1), new(0, 5), new(7, 14), new(5, 129), new(2, 300)];

    protected override IReadOnlyList<MatrixShape> LargeShapes => [new(1237, 37)];

    protected override IReadOnlyList<MatrixShape> BenchShapes => [new(1024, 768), new(1024, 3072)];

    protected override Cost Bytes(MatrixShape s) => Cost.Of(8.0 * s.Rows * s.C);

    protected override Cost Flops(MatrixShape s) => Cost.Of(1.0 * s.Rows * s.C);

    protected override void Declare(MatrixShape s, OpData d)
    {
        float[] x = Normal(1, (long)s.Rows * s.C), factors = Normal(2, s.Rows);
        for (int row = 0; row < s.Rows; row += 3)
            factors[row] = row % 2 == 0 ? 0f : -0f;
        for (int i = 0; i < x.Length; i += 11)
            x[i] = i % 2 == 0 ? float.NaN : float.NegativeInfinity;
        d.State("x", x, s.Rows, s.C);
        d.Input("factors", factors);
    }

    protected override void Run(MatrixShape s, Ops ops, OpRun r) => ops.ScaleRows(r["factors"], r["x"]);

    protected override void Oracle<T>(MatrixShape s, OpValues<T> v)
        => v["x"] = ScaleRowsReference.Forward(v["x"], v["factors"]);
}
