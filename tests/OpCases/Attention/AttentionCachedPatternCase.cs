using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>The pattern of one token over a cache.</summary>
public sealed class AttentionCachedPatternCase : OpCase<CachedShape>
{
    public override string Room => "Attention";

    public override int Order => 13;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionCacheKernels)];

    public override string Formula => "its pattern, zeros beyond";

    public override string ShapesText => "qkv [B,3C], cache → [B,H,1,capacity]";

    public override string Grid => "group of 128 per (b, h) / some heads";

    public override string? Tests => "AttentionCacheTests";

    protected override IReadOnlyList<CachedShape> Shapes =>
        [new(1, 1, 1, [1], 1), new(3, 2, 5, [9, 4, 0], 11)];

    protected override IReadOnlyList<CachedShape> LargeShapes =>
        [
            new(3, 2, 6, [300, 0, 129], 310), new(2, 1, 20, [257, 128], 520), new(1, 2, 64, [300], 320),
            new(2, 3, 97, [384, 256], 384), new(1, 1, 128, [399], 400),
        ];

    protected override Cost Bytes(CachedShape s)
        => new(4.0 * s.B * s.H * (s.Tokens * s.D + s.Capacity), "4·B·H·(keys·D + capacity)");

    protected override Cost Flops(CachedShape s) => new(2.0 * s.Tokens * s.C * s.B, "2·keys·C·B");

    protected override void Declare(CachedShape s, OpData d)
    {
        float[] all = Normal(7, s.B * s.Tokens * 3 * s.C);
        d.Input("all", all, s.B * s.Tokens, 3 * s.C);
        d.Indices("lengths", s.Lengths);
        d.Input("qkv", s.Last(all), s.B, 3 * s.C);
        d.Indices("positions", s.Positions);
        d.Scratch("kCache", s.B, s.H, s.Capacity, s.D);
        d.Scratch("vCache", s.B, s.H, s.Capacity, s.D);
        d.Output("pattern", s.B, s.H, 1, s.Capacity);
    }

    protected override void Prepare(CachedShape s, Ops ops, OpRun r)
        => ops.CacheFill(r["all"], r.Indices("lengths"), r["kCache"], r["vCache"], s.B, s.Tokens, s.H);

    protected override void Run(CachedShape s, Ops ops, OpRun r)
    {
        ops.AttentionCachedPattern(r["qkv"], r.Indices("positions"), r["kCache"], r["pattern"], s.B, s.H,
            CachedShape.Scale);
    }

    protected override void Oracle<T>(CachedShape s, OpValues<T> v)
    {
        T[] whole = s.Whole.Forward(v["all"]).Pattern, last = new T[s.B * s.H * s.Capacity];
        for (int row = 0; row < s.B * s.H; row++)
            if (s.Positions[row / s.H] >= 0)
                whole.AsSpan((row * s.Tokens + s.Positions[row / s.H]) * s.Tokens, s.Tokens)
                    .CopyTo(last.AsSpan(row * s.Capacity));
        v["pattern"] = last;
    }
}
