using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Values added to listed rows.</summary>
public sealed class EditAddCase : OpCase<EditShape>
{
    public override string Room => "Edits";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels => [typeof(EditKernels)];

    public override string Formula => "x += alpha values";

    public override string ShapesText => "[n], [w] or [n,w] → [rows,S]";

    public override string Grid => "group of 128 per listed row / rows of 16,384 elements";

    public override string? Tests => "EditTests";

    public override string? Bench => "edit add";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<EditShape> Shapes => EditShape.Each(2f, 0f, 1f);

    protected override IReadOnlyList<EditShape> BenchShapes => [EditShape.Timed];

    protected override Cost Bytes(EditShape s) => Cost.Of(8.0 * s.N * s.Width);

    protected override Cost Flops(EditShape s) => Cost.Of(2.0 * s.N * s.Width);

    protected override void Declare(EditShape s, OpData d)
    {
        s.Declare(d);
        int rows = s.Option == 1f ? 1 : s.N;
        d.Input("values", Normal(2, rows * s.Width), rows, s.Width);
    }

    protected override void Run(EditShape s, Ops ops, OpRun r)
        => ops.EditAdd(r.Indices("rowIds"), r["values"], r["x"], s.Column, 0.7f);

    protected override void Oracle<T>(EditShape s, OpValues<T> v)
        => EditReference.Add(v.Indices("rowIds"), v["values"], v["x"], s.Stride, s.Column, s.Width, 0.7f);
}

/// <summary>Listed rows of a matrix, and the columns of them that are edited.</summary>
/// <param name="Width">Edited columns.</param>
/// <param name="Option">The edit's: a factor, a strength, or 1 for one row of values for all.</param>
/// <param name="First">The first edited value of each row.</param>
/// <param name="N">Listed rows; 5 stands for a list out of order with a padded place.</param>
public readonly record struct EditShape(int Width, float Option, float First = 2f, int N = 5)
{
    // Out of order, one padded place; rows 1 and 3 are never listed.
    static readonly int[] Few = [4, -1, 0, 5, 2];

    internal static EditShape Timed { get; } = new(768, 1, 2f, 1024);

    /// <summary>Columns before the edited ones.</summary>
    internal int Column => N == 5 ? 3 : 0;

    internal int Stride => N == 5 ? Column + Width + 2 : Width;

    internal int[] Ids => N == 5 ? Few : [.. Enumerable.Range(0, N)];

    internal static EditShape[] Each(float first, params float[] options) =>
        [.. from width in (int[])[1, 7, 129, 257]
            from option in options
            select new EditShape(width, option, first)];

    /// <summary>Normal values; the first edited one of each row is given.</summary>
    internal void Declare(OpData d)
    {
        int rows = N == 5 ? 6 : N;
        float[] x = OpData.Normal(1, (long)rows * Stride);
        for (int row = 0; row < rows; row++)
            x[row * Stride + Column] = First;
        d.State("x", x, rows, Stride);
        d.Indices("rowIds", Ids);
    }

    /// <summary>The extents, and the option.</summary>
    public override string ToString()
        => N == 5 ? $"{Width} columns, {Option}, first {First}" : $"{N} x {Width}";
}
