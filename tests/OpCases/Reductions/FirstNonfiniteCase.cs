using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The first element that is NaN or infinite, among the largest numbers that are neither.</summary>
public sealed class FirstNonfiniteCase : OpCase<NonfiniteShape>
{
    public override string Room => "Reductions";

    public override int Order => 4;

    public override IReadOnlyList<Type> Kernels => [typeof(ReductionKernels)];

    public override string Formula => "index of the first NaN or infinity; -1 for none";

    public override string ShapesText => "[n] → int64";

    public override string Grid => "as above";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string ExactnessText => "exact";

    public override string? Tests => "ReductionTests";

    public override string? Bench => "first nonfinite";

    public override string BenchFamily => "reductions";

    public override bool HasSums => false;

    protected override IReadOnlyList<NonfiniteShape> Shapes =>
        [new(1, -1), new(1, 0), new(257, 256), new(16385, 16384), new(16385, -1)];

    protected override IReadOnlyList<NonfiniteShape> LargeShapes => [new(50001, 33333), new(50001, -1)];

    protected override IReadOnlyList<NonfiniteShape> BenchShapes => [new(256 * 50257, -1, 50257)];

    protected override Cost Bytes(NonfiniteShape s) => Cost.Of(4.0 * s.N);

    protected override void Declare(NonfiniteShape s, OpData d)
    {
        float[] x = Normal(1, s.N);
        (x[0], x[^1]) = (float.MaxValue, -float.MaxValue);
        if (s.First >= 0)
        {
            x[^1] = float.PositiveInfinity; // a later one, too
            x[s.First] = float.NaN;
        }
        d.Input("x", x);
        d.Numbers["first"] = 0;
    }

    protected override void Run(NonfiniteShape s, Ops ops, OpRun r)
        => r.Numbers["first"] = ops.FirstNonfinite(r["x"]);

    protected override void Oracle<T>(NonfiniteShape s, OpValues<T> v)
        => v.SetNumber("first", T.CreateChecked(Array.FindIndex(v["x"], x => !T.IsFinite(x))));
}

/// <summary>A vector in which one element is NaN.</summary>
/// <param name="N">Elements.</param>
/// <param name="First">The element; -1 for none.</param>
/// <param name="Columns">Of the matrix, in tables.</param>
public readonly record struct NonfiniteShape(int N, int First, int Columns = 0)
{
    /// <summary>The extents, and what is not usual.</summary>
    public override string ToString() => Columns == 0 ? $"{N}, first {First}" : $"{N / Columns} x {Columns}";
}
