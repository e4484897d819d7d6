using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Keys and values of one token, into a cache.</summary>
public sealed class CacheAppendCase : OpCase<CachedShape>
{
    public override string Room => "Attention";

    public override int Order => 11;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionCacheKernels)];

    public override string Formula => "k, v of one token a row to its position";

    public override string ShapesText => "qkv [B,3C]";

    public override string Grid => "thread per element / one thread";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "AttentionCacheTests";

    protected override IReadOnlyList<CachedShape> Shapes =>
        [new(1, 1, 1, [1], 1), new(3, 2, 5, [9, 0, 4], 11)];

    protected override Cost Bytes(CachedShape s) => new(16.0 * s.B * s.C, "16·B·C");

    protected override void Declare(CachedShape s, OpData d)
    {
        d.Input("qkv", Normal(21, s.B * 3 * s.C), s.B, 3 * s.C);
        d.Indices("positions", s.Positions);
        d.State("kCache", s.Empty(), s.B, s.H, s.Capacity, s.D);
        d.State("vCache", s.Empty(), s.B, s.H, s.Capacity, s.D);
    }

    protected override void Run(CachedShape s, Ops ops, OpRun r)
        => ops.CacheAppend(r["qkv"], r.Indices("positions"), r["kCache"], r["vCache"], s.B, s.H);

    protected override void Oracle<T>(CachedShape s, OpValues<T> v)
    {
        s.Each((b, token, _, to) =>
        {
            if (token != s.Positions[b])
                return;
            int column = to / s.D / s.Capacity % s.H * s.D + to % s.D;
            v["kCache"][to] = v["qkv"][(3 * b + 1) * s.C + column];
            v["vCache"][to] = v["qkv"][(3 * b + 2) * s.C + column];
        });
    }
}
