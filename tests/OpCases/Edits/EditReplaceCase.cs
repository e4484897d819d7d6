using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Values written over listed rows.</summary>
public sealed class EditReplaceCase : OpCase<EditShape>
{
    public override string Room => "Edits";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels => [typeof(EditKernels)];

    public override string Formula => "x = values";

    public override string ShapesText => "[n], [w] or [n,w] → [rows,S]";

    public override string Grid => "group of 128 per listed row / rows of 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "EditTests";

    public override string? Bench => "edit replace";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<EditShape> Shapes => EditShape.Each(2f, 0f, 1f);

    protected override IReadOnlyList<EditShape> BenchShapes => [EditShape.Timed];

    protected override Cost Bytes(EditShape s) => Cost.Of(4.0 * s.N * s.Width);

    protected override void Declare(EditShape s, OpData d)
    {
        s.Declare(d);
        int rows = s.Option == 1f ? 1 : s.N;
        d.Input("values", Normal(2, rows * s.Width), rows, s.Width);
    }

    protected override void Run(EditShape s, Ops ops, OpRun r)
        => ops.EditReplace(r.Indices("rowIds"), r["values"], r["x"], s.Column);

    protected override void Oracle<T>(EditShape s, OpValues<T> v)
        => EditReference.Replace(v.Indices("rowIds"), v["values"], v["x"], s.Stride, s.Column, s.Width);
}
