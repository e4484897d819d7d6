using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The sum of all elements.</summary>
public sealed class SumCase : OpCase<SumShape>
{
    public override string Room => "Reductions";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels => [typeof(ReductionKernels)];

    public override string Formula => "Σ x";

    public override string ShapesText => "[n] → float64";

    public override string Grid => "group of 256 per cut / cut";

    public override string? Tests => "ReductionTests";

    public override string? Bench => "sum";

    public override string BenchFamily => "reductions";

    // One element; a prime; one past what is summed together.
    protected override IReadOnlyList<SumShape> Shapes =>
        [new(1, 0), new(37, 100), new(16385, 0), new(16385, 100)];

    protected override IReadOnlyList<SumShape> LargeShapes =>
        [new(16384, 0), new(50001, 100), new(1_000_000, 0)];

    protected override IReadOnlyList<SumShape> BenchShapes => [new(256 * 50257, 0, 50257)];

    protected override Cost Bytes(SumShape s) => Cost.Of(4.0 * s.N);

    protected override Cost Flops(SumShape s) => Cost.Of(1.0 * s.N);

    protected override void Declare(SumShape s, OpData d)
    {
        d.Input("x", Normal(s.N, s.N, s.Mean));
        // Around zero a sum may cancel to nothing, and what is left of a float32 sum is luck.
        d.Numbers["sum"] = s.N;
    }

    protected override void Run(SumShape s, Ops ops, OpRun r) => r.Numbers["sum"] = ops.Sum(r["x"]);

    protected override void Oracle<T>(SumShape s, OpValues<T> v)
        => v.SetNumber("sum", ReductionReference.Sum(v["x"]));
}

/// <summary>A vector that is summed.</summary>
/// <param name="N">Elements.</param>
/// <param name="Mean">Of the elements.</param>
/// <param name="Columns">Of the matrix, in tables.</param>
public readonly record struct SumShape(int N, float Mean, int Columns = 0)
{
    /// <summary>The extents, and what is not usual.</summary>
    public override string ToString() => Columns == 0 ? $"{N}, mean {Mean}" : $"{N / Columns} x {Columns}";
}
