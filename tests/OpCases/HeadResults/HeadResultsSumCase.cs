using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The heads' results and the bias, in order.</summary>
public sealed class HeadResultsSumCase : OpCase<HeadResultsReference>
{
    public override string Room => "HeadResults";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels => [typeof(HeadResultsKernels)];

    public override string Formula => "attnOut = sum_h result[:,h,:] + bias, heads in order";

    public override string ShapesText => "[rows,H,C] → [rows,C]";

    public override string Grid => "thread per element / 8 rows";

    public override string? Tests => "HeadResultsTests";

    public override string? Bench => "headresults sum";

    public override string BenchFamily => "headresults";

    protected override IReadOnlyList<HeadResultsReference> Shapes =>
        [new(1, 1, 1), new(3, 2, 5), new(2, 3, 11), new(4, 2, 17)];

    protected override IReadOnlyList<HeadResultsReference> LargeShapes =>
        [new(17, 4, 32), new(33, 3, 64), new(9, 12, 6)];

    protected override HeadResultsReference SharedShape => new(67, 3, 24);

    protected override IReadOnlyList<HeadResultsReference> BenchShapes =>
        [new(256, 12, 64), new(1024, 12, 64)];

    protected override Cost Bytes(HeadResultsReference s) => Cost.Of(4.0 * s.Rows * s.C * (1 + s.H));

    protected override Cost Flops(HeadResultsReference s) => Cost.Of(1.0 * s.Rows * s.C * (s.H + 1));

    protected override void Declare(HeadResultsReference s, OpData d)
    {
        d.Input("result", Normal(1, s.Rows * s.H * s.C), s.Rows, s.H, s.C);
        d.Input("bias", Normal(3, s.C));
        d.Output("attnOut", s.Rows, s.C);
    }

    protected override void Run(HeadResultsReference s, Ops ops, OpRun r)
        => ops.HeadResultsSum(r["result"], r["bias"], r["attnOut"]);

    protected override void Oracle<T>(HeadResultsReference s, OpValues<T> v)
        => v["attnOut"] = s.Sum(v["result"], v["bias"]);

    protected override string Text(HeadResultsReference s) => $"{s.Rows} x {s.H} x {s.C}";
}
