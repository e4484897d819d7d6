using HeadTap.Kernels;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Attention of one token over a cache, held against whole rows.</summary>
public sealed class AttentionCachedCase : OpCase<CachedShape>
{
    public override string Room => "Attention";

    public override int Order => 12;

    public override IReadOnlyList<string> Methods => [nameof(Ops.AttentionCached), nameof(Ops.CachedParts)];

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionCacheKernels)];

    public override string Formula => "z = softmax(scale q kᵀ) v over 0..position";

    public override string ShapesText => "qkv [B,3C], caches → [B,C]";

    public override string Grid =>
        "group of 128 per (b, h, 128 keys), then, where a cache has room for more, thread per "
        + "element of z over the chunks in order / some heads";

    public override string? Tests => "AttentionCacheTests";

    public override string? Bench => "attention cached";

    public override string BenchFamily => "attention";

    // Chunks of 128 keys: none, a partial last one, rows of unequal length, a finished row, heads that no
    // quad divides. Then caches with room for chunks that no row has come to, whole chunks only, the widest
    // heads.
    protected override IReadOnlyList<CachedShape> Shapes =>
        [
            new(1, 1, 1, [1], 1), new(3, 2, 5, [9, 4, 1], 11), new(3, 1, 6, [130, 0, 129], 140),
        ];

    protected override IReadOnlyList<CachedShape> LargeShapes =>
        [
            new(3, 2, 6, [300, 0, 129], 310), new(2, 1, 20, [257, 128], 520), new(1, 2, 64, [300], 320),
            new(2, 3, 97, [384, 256], 384), new(1, 1, 128, [399], 400),
        ];

    protected override IReadOnlyList<CachedShape> BenchShapes =>
        [new(1, 12, 64, [192], 192), new(1, 12, 64, [1024], 1024)];

    protected override Cost Bytes(CachedShape s) => new(8.0 * s.Tokens * s.C * s.B, "8·keys·C·B");

    protected override Cost Flops(CachedShape s) => new(4.0 * s.Tokens * s.C * s.B, "4·keys·C·B");

    protected override void Declare(CachedShape s, OpData d)
    {
        float[] all = Normal(7, s.B * s.Tokens * 3 * s.C);
        d.Input("all", all, s.B * s.Tokens, 3 * s.C);
        d.Indices("lengths", s.Lengths);
        d.Input("qkv", s.Last(all), s.B, 3 * s.C);
        d.Indices("positions", s.Positions);
        d.Scratch("kCache", s.B, s.H, s.Capacity, s.D);
        d.Scratch("vCache", s.B, s.H, s.Capacity, s.D);
        d.Output("z", s.B, s.C);
        d.Spare = 64 + (long)s.B * s.H * (s.D + 64) * ((s.Capacity + 127) / 128 + 1);
    }

    protected override void Prepare(CachedShape s, Ops ops, OpRun r)
        => ops.CacheFill(r["all"], r.Indices("lengths"), r["kCache"], r["vCache"], s.B, s.Tokens, s.H);

    protected override void Run(CachedShape s, Ops ops, OpRun r)
    {
        r.Kept ??= r.Arena.Cut("parts", checked((int)ops.CachedParts(s.B, s.H, s.D, s.Capacity)));
        ops.AttentionCached(r["qkv"], r.Indices("positions"), r["kCache"], r["vCache"], (Tensor)r.Kept,
            r["z"],
            s.B, s.H, CachedShape.Scale);
    }

    protected override void Oracle<T>(CachedShape s, OpValues<T> v)
        => v["z"] = s.Ends(s.Whole.Forward(v["all"]).Z);
}
