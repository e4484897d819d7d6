using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Some columns of a matrix, copied out.</summary>
public sealed class CopyColumnsCase : OpCase<ColumnsShape>
{
    public override string Room => "Reductions";

    public override int Order => 9;

    public override IReadOnlyList<Type> Kernels => [typeof(ColumnKernels)];

    public override string Formula => "narrow = wide[:, column..column+w]; the way back";

    public override string ShapesText => "[rows,S] ↔ [rows,w]";

    public override string Grid => "group of 128 per row / rows of 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "ColumnTests";

    public override string? Bench => "copy columns";

    public override string BenchFamily => "pointwise";

    // All columns; the first; the last ones; one past the block from the middle.
    protected override IReadOnlyList<ColumnsShape> Shapes =>
        [new(1, 1, 0, 1), new(3, 7, 0, 7), new(5, 7, 6, 1), new(2, 300, 20, 129)];

    protected override IReadOnlyList<ColumnsShape> LargeShapes => [new(1237, 41, 3, 37)];

    protected override IReadOnlyList<ColumnsShape> BenchShapes => [new(1024, 3 * 768, 768, 768)];

    protected override Cost Bytes(ColumnsShape s) => Cost.Of(8.0 * s.Rows * s.Width);

    protected override void Declare(ColumnsShape s, OpData d)
    {
        d.Input("source", Normal(1, (long)s.Rows * s.Stride), s.Rows, s.Stride);
        d.Output("destination", s.Rows, s.Width);
    }

    protected override void Run(ColumnsShape s, Ops ops, OpRun r)
        => ops.CopyColumns(r["source"], r["destination"], s.Column);

    protected override void Oracle<T>(ColumnsShape s, OpValues<T> v)
    {
        v["destination"] =
            [.. from row in Enumerable.Range(0, s.Rows)
                from c in Enumerable.Range(0, s.Width)
                select v["source"][row * s.Stride + s.Column + c]];
    }
}

/// <summary>Some columns of a matrix.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="Stride">Columns of the matrix.</param>
/// <param name="Column">The first.</param>
/// <param name="Width">How many.</param>
public readonly record struct ColumnsShape(int Rows, int Stride, int Column, int Width)
{
    /// <summary>Visits each element: its place in the matrix, and among the columns.</summary>
    internal void Each(Action<int, int> body)
    {
        for (int r = 0; r < Rows; r++)
            for (int c = 0; c < Width; c++)
                body(r * Stride + Column + c, r * Width + c);
    }

    /// <summary>The extents.</summary>
    public override string ToString()
        => Rows == 1024 ? $"{Rows} x {Width} of {Stride}" : $"{Rows} x {Width} of {Stride} from {Column}";
}
