using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Points of a line through two vectors and of a plane through three.</summary>
public sealed class LinearCombinationCase : OpCase<CombinationShape>
{
    // Beyond the ends of the line, and no power of two, so that every product is rounded.
    const float A = 1.3f, B = -0.3f, C = 0.7f;

    public override string Room => "Pointwise";

    public override int Order => 5;

    public override IReadOnlyList<Type> Kernels => [typeof(LinearCombinationKernels)];

    public override string Formula => "y = a x1 + b x2, or a x1 + b x2 + c x3";

    public override string ShapesText => "[n] ² or ³ → [n]";

    public override string Grid => "128 threads × up to 65,536 groups / 16,384 elements";

    public override string? Tests => "LinearCombinationTests";

    public override string? Bench => "linear combination of 2";

    public override string BenchFamily => "pointwise";

    // One element; a prime; one past the block; several groups; terms of 1e4 of which little is left.
    protected override IReadOnlyList<CombinationShape> Shapes =>
    [
        new(1, 2), new(7, 2), new(129, 3), new(517, 2), new(517, 3), new(0, 2), new(0, 3),
        new(130, 2, Mean: 1e4f), new(130, 3, Mean: 1e4f),
    ];

    protected override IReadOnlyList<CombinationShape> LargeShapes =>
        [new(3 * 16384 + 5, 2), new(3 * 16384 + 5, 3)];

    protected override IReadOnlyList<CombinationShape> BenchShapes =>
        [new(1024 * 3072, 2, 3072), new(1024 * 3072, 3, 3072)];

    protected override Cost Bytes(CombinationShape s)
        => new(4.0 * (s.Terms + 1) * s.N, "12·N (2 terms), 16·N (3 terms)");

    protected override Cost Flops(CombinationShape s)
        => new((2.0 * s.Terms - 1) * s.N, "3·N (2 terms), 5·N (3 terms)");

    protected override void Declare(CombinationShape s, OpData d)
    {
        d.Input("x1", Normal(1, s.N, s.Mean));
        d.Input("x2", Normal(2, s.N, s.Terms == 2 ? -s.Mean * A / B : s.Mean));
        if (s.Terms == 3)
            d.Input("x3", Normal(3, s.N, -s.Mean * (A + B) / C));
        d.Output("y", s.N);
    }

    protected override void Run(CombinationShape s, Ops ops, OpRun r)
    {
        if (s.Terms == 2)
            ops.LinearCombination(r["x1"], r["x2"], r["y"], A, B);
        else
            ops.LinearCombination(r["x1"], r["x2"], r["x3"], r["y"], A, B, C);
    }

    protected override void Oracle<T>(CombinationShape s, OpValues<T> v)
        => v["y"] = s.Terms == 2
            ? LinearCombinationReference.Forward(
                (T.CreateChecked(A), v["x1"]), (T.CreateChecked(B), v["x2"]))
            : LinearCombinationReference.Forward((T.CreateChecked(A), v["x1"]),
                (T.CreateChecked(B), v["x2"]), (T.CreateChecked(C), v["x3"]));

    protected override string BenchName(CombinationShape s) => $"linear combination of {s.Terms}";
}

/// <summary>A sum of vectors.</summary>
/// <param name="N">Elements.</param>
/// <param name="Terms">Vectors: 2 or 3.</param>
/// <param name="Columns">Columns of the matrix that a table shows; 0 for none.</param>
/// <param name="Mean">Size of values of which the sum leaves little.</param>
public readonly record struct CombinationShape(int N, int Terms, int Columns = 0, float Mean = 0)
{
    /// <summary>The extents.</summary>
    public override string ToString() => Columns > 0 ? $"{N / Columns} x {Columns}"
        : $"{N}, {Terms} terms{(Mean == 0 ? "" : $", mean {Mean}")}";
}
