using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>Listed rows times a factor; 0 removes NaN.</summary>
public sealed class EditScaleCase : OpCase<EditShape>
{
    public override string Room => "Edits";

    public override int Order => 2;

    public override IReadOnlyList<Type> Kernels => [typeof(EditKernels)];

    public override string Formula => "x *= factor; 0 writes zeros, over NaN too";

    public override string ShapesText => "[n] → [rows,S]";

    public override string Grid => "group of 128 per listed row / rows of 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "EditTests";

    public override string? Bench => "edit scale";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<EditShape> Shapes =>
        [.. EditShape.Each(float.NaN, 0f), .. EditShape.Each(2f, -1.5f)];

    protected override IReadOnlyList<EditShape> BenchShapes => [EditShape.Timed];

    protected override Cost Bytes(EditShape s) => Cost.Of(8.0 * s.N * s.Width);

    protected override Cost Flops(EditShape s) => Cost.Of(1.0 * s.N * s.Width);

    protected override void Declare(EditShape s, OpData d) => s.Declare(d);

    protected override void Run(EditShape s, Ops ops, OpRun r)
        => ops.EditScale(r.Indices("rowIds"), r["x"], s.Column, s.Width, s.Option);

    protected override void Oracle<T>(EditShape s, OpValues<T> v)
        => EditReference.Scale(v.Indices("rowIds"), v["x"], s.Stride, s.Column, s.Width, s.Option);
}
