using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Queries and keys turned by their positions.</summary>
public sealed class RotaryCase : OpCase<RotaryReference>
{
    // Heads of 80 with 20 turning numbers are Pythia 2.8B's: ten pairs, below and above a vector. One number
    // pair;
    // all of a head; more rows than one of the host's items.
    internal static IReadOnlyList<RotaryReference> Edges { get; } =
        [new(1, 1, 2, 2, 1), new(5, 3, 6, 4, 11), new(7, 2, 80, 20, 40), new(6, 2, 33, 32, 9), new(0, 1, 4, 2,
            3)];

    public override string Room => "Attention";

    public override int Order => 20;

    public override IReadOnlyList<Type> Kernels => [typeof(RotaryKernels)];

    public override string Formula => "pairs (i, i + m/2) of q and k turned by t f_i; v stays";

    public override string ShapesText => "qkv [rows,3C], [rows], table [P,m]";

    public override string Grid => "thread per pair / rows of 16,384 numbers";

    public override string? Tests => "RotaryTests";

    public override string? Bench => "rotary";

    public override string BenchFamily => "attention";

    public override bool HasSums => false;

    protected override IReadOnlyList<RotaryReference> Shapes => Edges;

    protected override IReadOnlyList<RotaryReference> LargeShapes => [new(517, 3, 64, 16, 517)];

    protected override IReadOnlyList<RotaryReference> BenchShapes =>
        [new(1024, 12, 64, 16, 1024), new(1, 12, 64, 16, 1024)];

    protected override Cost Bytes(RotaryReference s) => new(16.0 * s.Rows * s.H * s.M, "16·rows·H·m");

    protected override Cost Flops(RotaryReference s) => new(6.0 * s.Rows * s.H * s.M, "6·rows·H·m");

    protected override void Declare(RotaryReference s, OpData d)
    {
        d.State("qkv", Normal(71, s.Rows * 3 * s.C), s.Rows, 3 * s.C);
        d.Indices("positions", s.Positions);
        d.Input("table", s.Table(), s.P, s.M);
    }

    protected override void Run(RotaryReference s, Ops ops, OpRun r)
        => ops.Rotary(r["qkv"], r.Indices("positions"), r["table"], s.H);

    protected override void Oracle<T>(RotaryReference s, OpValues<T> v)
        => v["qkv"] = s.Rotated(v["qkv"], v["table"]);

    protected override string Text(RotaryReference s) => TextOf(s);

    internal static string TextOf(RotaryReference s) => $"{s.Rows} x {s.H} x {s.D}, {s.M} of {s.P}";
}
