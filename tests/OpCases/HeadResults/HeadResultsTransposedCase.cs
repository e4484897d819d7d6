using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Each head's product with its own rows of a weight, transposed.</summary>
public sealed class HeadResultsTransposedCase : OpCase<HeadResultsReference>
{
    public override string Room => "HeadResults";

    public override int Order => 3;

    public override IReadOnlyList<Type> Kernels => [typeof(HeadResultsKernels)];

    public override string Formula => "y = x Wᵀ by head: dZ of `HeadResults`, and a lens' map through W_O";

    public override string ShapesText => "[rows,H,C], W [C,C] → [rows,C]";

    public override string Grid => "as `HeadResults`";

    public override string? Tests => "HeadResultsTests";

    protected override IReadOnlyList<HeadResultsReference> Shapes =>
        [new(1, 1, 1), new(3, 2, 5), new(2, 3, 11), new(4, 2, 17)];

    protected override IReadOnlyList<HeadResultsReference> LargeShapes =>
        [new(17, 4, 32), new(33, 3, 64), new(9, 12, 6)];

    protected override HeadResultsReference SharedShape => new(67, 3, 24);

    protected override Cost Bytes(HeadResultsReference s)
        => Cost.Of(4.0 * (s.Rows * s.C * (1 + s.H) + s.C * s.C));

    protected override Cost Flops(HeadResultsReference s) => Cost.Of(2.0 * s.Rows * s.C * s.C);

    protected override void Declare(HeadResultsReference s, OpData d)
    {
        d.Input("x", Normal(4, s.Rows * s.H * s.C), s.Rows, s.H, s.C);
        d.Input("weight", Normal(2, s.C * s.C), s.C, s.C);
        d.Output("y", s.Rows, s.C);
    }

    protected override void Run(HeadResultsReference s, Ops ops, OpRun r)
        => ops.HeadResultsTransposed(r["x"], r["weight"], r["y"], s.H);

    protected override void Oracle<T>(HeadResultsReference s, OpValues<T> v)
        => v["y"] = s.Backward(v["x"], new T[s.Rows * s.C], v["weight"]).DZ;

    protected override string Text(HeadResultsReference s) => $"{s.Rows} x {s.H} x {s.C}";
}
