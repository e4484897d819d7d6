using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Keys and values of packed tokens, into the cache rows that they name.</summary>
public sealed class CacheWriteCase : OpCase<AttentionPackedReference>
{
    public override string Room => "Attention";

    public override int Order => 16;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionPackedKernels)];

    public override string Formula => "k, v of packed tokens to positions[n] of cache row rows[n]";

    public override string ShapesText => "qkv [N,3C]";

    public override string Grid => "thread per element / some tokens";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "AttentionPackedTests";

    protected override IReadOnlyList<AttentionPackedReference> Shapes => AttentionPackedCase.Edges;

    // On the host one of several threads' items ends in the middle of the tokens.
    protected override IReadOnlyList<AttentionPackedReference> LargeShapes =>
        [.. AttentionPackedCase.Wide, new(3, 4, 130, 90, [(1, 20, 60), (2, -1, 5), (0, 0, 81)], 1)];

    protected override Cost Bytes(AttentionPackedReference s) => new(16.0 * s.N * s.C, "16·N·C");

    protected override void Declare(AttentionPackedReference s, OpData d)
    {
        float[] empty = [.. Enumerable.Repeat(float.NaN, s.S * s.Capacity * s.C)];
        d.Input("qkv", Normal(44, s.N * 3 * s.C), s.N, 3 * s.C);
        d.Indices("rows", s.Rows);
        d.Indices("positions", s.Positions);
        d.State("kCache", empty, s.S, s.H, s.Capacity, s.D);
        d.State("vCache", empty, s.S, s.H, s.Capacity, s.D);
    }

    protected override void Run(AttentionPackedReference s, Ops ops, OpRun r)
        => ops.CacheWrite(r["qkv"], r.Indices("rows"), r.Indices("positions"), r["kCache"], r["vCache"],
            s.N, s.S, s.H);

    protected override void Oracle<T>(AttentionPackedReference s, OpValues<T> v)
        => s.Write(v["qkv"], v["kCache"], v["vCache"]);

    protected override string Text(AttentionPackedReference s) => AttentionPackedCase.TextOf(s);
}
