using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The part of listed rows along a direction, taken out.</summary>
public sealed class EditProjectOutCase : OpCase<EditShape>
{
    public override string Room => "Edits";

    public override int Order => 3;

    public override IReadOnlyList<Type> Kernels => [typeof(EditKernels)];

    public override string Formula => "x -= strength (x · u) u";

    public override string ShapesText => "[n], [w] → [rows,S]";

    public override string Grid => "group of 128 per listed row / rows of 16,384 elements";

    public override string? Tests => "EditTests";

    public override string? Bench => "edit project out";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<EditShape> Shapes => EditShape.Each(2f, 1f, 0.5f);

    protected override IReadOnlyList<EditShape> BenchShapes => [EditShape.Timed];

    protected override Cost Bytes(EditShape s) => Cost.Of(8.0 * s.N * s.Width);

    protected override Cost Flops(EditShape s) => Cost.Of(4.0 * s.N * s.Width);

    protected override void Declare(EditShape s, OpData d)
    {
        s.Declare(d);
        float[] direction = Normal(3, s.Width);
        float norm = MathF.Sqrt(direction.Sum(x => x * x));
        d.Input("direction", [.. direction.Select(x => x / norm)]);
    }

    protected override void Run(EditShape s, Ops ops, OpRun r)
        => ops.EditProjectOut(r.Indices("rowIds"), r["direction"], r["x"], s.Column, s.Option);

    protected override void Oracle<T>(EditShape s, OpValues<T> v)
    {
        EditReference.ProjectOut(
            v.Indices("rowIds"), v["direction"], v["x"], s.Stride, s.Column, s.Option);
    }
}
