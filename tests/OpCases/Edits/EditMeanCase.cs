using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>The mean of listed rows, written over each of them.</summary>
public sealed class EditMeanCase : OpCase<EditShape>
{
    public override string Room => "Edits";

    public override int Order => 4;

    public override IReadOnlyList<Type> Kernels => [typeof(EditKernels)];

    public override string Formula => "mean of the listed rows, written over each";

    public override string ShapesText => "[n] → [w], [rows,S]";

    public override string Grid => "thread per column, rows in order / 128 columns";

    public override string? Tests => "EditTests";

    public override string? Bench => "edit mean";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<EditShape> Shapes => EditShape.Each(1000f, 0f);

    protected override IReadOnlyList<EditShape> BenchShapes => [EditShape.Timed];

    protected override Cost Bytes(EditShape s) => Cost.Of(8.0 * s.N * s.Width);

    protected override Cost Flops(EditShape s) => Cost.Of(1.0 * s.N * s.Width);

    protected override void Declare(EditShape s, OpData d)
    {
        s.Declare(d);
        d.Output("mean", s.Width);
    }

    protected override void Run(EditShape s, Ops ops, OpRun r)
        => ops.EditMean(r.Indices("rowIds"), r["x"], r["mean"], s.Column, s.Width);

    protected override void Oracle<T>(EditShape s, OpValues<T> v)
        => v["mean"] = EditReference.Mean(v.Indices("rowIds"), v["x"], s.Stride, s.Column, s.Width);
}
