using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Keys and values of real tokens, into a cache.</summary>
public sealed class CacheFillCase : OpCase<CachedShape>
{
    public override string Room => "Attention";

    public override int Order => 10;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionCacheKernels)];

    public override string Formula => "k, v of real tokens to [B,H,capacity,D]";

    public override string ShapesText => "qkv [rows,3C]";

    public override string Grid => "thread per element / (b, h)";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "AttentionCacheTests";

    // Lengths 0, some and all; room to spare.
    protected override IReadOnlyList<CachedShape> Shapes =>
        [new(1, 1, 1, [1], 1), new(3, 2, 5, [9, 0, 4], 11)];

    protected override IReadOnlyList<CachedShape> LargeShapes => [new(3, 3, 24, [300, 0, 129], 310)];

    protected override Cost Bytes(CachedShape s) => new(16.0 * s.B * s.Tokens * s.C, "16·rows·C");

    protected override void Declare(CachedShape s, OpData d)
    {
        d.Input("qkv", Normal(21, s.B * s.Tokens * 3 * s.C), s.B * s.Tokens, 3 * s.C);
        d.Indices("lengths", s.Lengths);
        d.State("kCache", s.Empty(), s.B, s.H, s.Capacity, s.D);
        d.State("vCache", s.Empty(), s.B, s.H, s.Capacity, s.D);
    }

    protected override void Run(CachedShape s, Ops ops, OpRun r)
        => ops.CacheFill(r["qkv"], r.Indices("lengths"), r["kCache"], r["vCache"], s.B, s.Tokens, s.H);

    protected override void Oracle<T>(CachedShape s, OpValues<T> v)
    {
        s.Each((b, token, from, to) =>
        {
            v["kCache"][to] = v["qkv"][from + s.C];
            v["vCache"][to] = v["qkv"][from + 2 * s.C];
        });
    }
}

/// <summary>Caches of keys and values, and the tokens that they hold.</summary>
/// <param name="B">Rows of the batch.</param>
/// <param name="H">Heads.</param>
/// <param name="D">Size of a head.</param>
/// <param name="Lengths">[B]: tokens of each row.</param>
/// <param name="Capacity">Tokens that a cache has room for.</param>
public sealed record CachedShape(int B, int H, int D, int[] Lengths, int Capacity)
{
    /// <summary>Of the scores.</summary>
    public const float Scale = 0.4f;

    /// <summary>Width of the stream.</summary>
    public int C => H * D;

    /// <summary>Tokens of the longest row.</summary>
    public int Tokens => Lengths.Max();

    /// <summary>Positions of the last tokens; -1 for a row without any.</summary>
    public int[] Positions => [.. Lengths.Select(n => n - 1)];

    internal AttentionReference Whole => new(B, Tokens, H, D, Lengths, Scale);

    internal float[] Empty() => [.. Enumerable.Repeat(float.NaN, B * H * Capacity * D)];

    /// <summary>q, k and v of the last tokens.</summary>
    internal float[] Last(float[] qkv) =>
        [.. Positions.SelectMany(
            (p, b) => qkv.AsSpan((b * Tokens + Math.Max(p, 0)) * 3 * C, 3 * C).ToArray())];

    /// <summary>What a pass over whole rows gives for the last tokens; zeros where there is none.</summary>
    internal T[] Ends<T>(T[] z) =>
        [.. Positions.SelectMany((p, b) => p < 0 ? new T[C] : z.AsSpan((b * Tokens + p) * C, C).ToArray())];

    /// <summary>Visits each column of each real token: row, token, place of q, place in a cache.</summary>
    internal void Each(Action<int, int, int, int> body)
    {
        for (int b = 0; b < B; b++)
            for (int h = 0; h < H; h++)
                for (int t = 0; t < Lengths[b]; t++)
                    for (int d = 0; d < D; d++)
                        body(b, t, (b * Tokens + t) * 3 * C + h * D + d,
                            ((b * H + h) * Capacity + t) * D + d);
    }

    /// <summary>The extents.</summary>
    public override string ToString() => $"B={B} keys={Tokens} H={H} D={D}"
        + (Capacity == Tokens ? "" : $" of {Capacity}");
}
