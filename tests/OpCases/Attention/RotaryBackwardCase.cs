using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The gradient through the rotation: the rotation back.</summary>
public sealed class RotaryBackwardCase : OpCase<RotaryReference>
{
    public override string Room => "Attention";

    public override int Order => 21;

    public override IReadOnlyList<Type> Kernels => [typeof(RotaryKernels)];

    public override string Formula => "pairs (i, i + m/2) of dq and dk turned by -t f_i; dv stays";

    public override string ShapesText => "dQkv [rows,3C], [rows], table [P,m]";

    public override string Grid => "thread per pair / rows of 16,384 numbers";

    public override string? Tests => "RotaryTests";

    public override bool HasSums => false;

    public override IReadOnlyList<(string Input, string Gradient)> Gradients => [("qkv", "dQkv")];

    protected override IReadOnlyList<RotaryReference> Shapes => RotaryCase.Edges;

    protected override IReadOnlyList<RotaryReference> LargeShapes => [new(517, 3, 64, 16, 517)];

    protected override Cost Bytes(RotaryReference s) => new(16.0 * s.Rows * s.H * s.M, "16·rows·H·m");

    protected override Cost Flops(RotaryReference s) => new(6.0 * s.Rows * s.H * s.M, "6·rows·H·m");

    protected override void Declare(RotaryReference s, OpData d)
    {
        // The gradient of sum(dY . rotated) does not depend on what is rotated; the differences need it.
        d.Input("qkv", Normal(72, s.Rows * 3 * s.C), s.Rows, 3 * s.C);
        d.Input("dY", Normal(73, s.Rows * 3 * s.C), s.Rows, 3 * s.C);
        d.State("dQkv", Normal(73, s.Rows * 3 * s.C), s.Rows, 3 * s.C);
        d.Indices("positions", s.Positions);
        d.Input("table", s.Table(), s.P, s.M);
    }

    protected override void Run(RotaryReference s, Ops ops, OpRun r)
        => ops.RotaryBackward(r["dQkv"], r.Indices("positions"), r["table"], s.H);

    protected override void Oracle<T>(RotaryReference s, OpValues<T> v)
        => v["dQkv"] = s.Rotated(v["dQkv"], v["table"], back: true);

    protected override double Loss(RotaryReference s, OpValues<double> v)
        => s.Rotated(v["qkv"], v["table"]).Zip(v["dY"], (y, g) => y * g).Sum();

    protected override string Text(RotaryReference s) => RotaryCase.TextOf(s);
}
