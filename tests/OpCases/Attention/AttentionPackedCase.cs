using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Attention of packed tokens over the cache rows that they name.</summary>
public sealed class AttentionPackedCase : OpCase<AttentionPackedReference>
{
    public override string Room => "Attention";

    public override int Order => 17;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionPackedKernels)];

    public override string Formula =>
        "z = softmax(scale q kᵀ) v over 0..positions[n] of cache row rows[n]; zeros for no token";

    public override string ShapesText => "qkv [N,3C], caches [S,H,capacity,D] ² → [N,C]";

    public override string Grid =>
        "group of 128 per (n, h), chunks of 128 keys / (run of tokens of a row, h)";

    public override string ExactnessText =>
        "2x; a token's bits do not depend on the others; on the host those of `Attention`";

    public override string? Tests => "AttentionPackedTests";

    public override string? Bench => "attention packed";

    public override string BenchFamily => "attention";

    // The first token of a row; runs of one row side by side and apart, places without a token between; the
    // first keys of a second chunk; heads that no vector width and no quad divides; rows nobody looks at.
    internal static IReadOnlyList<AttentionPackedReference> Edges { get; } =
        [
            new(1, 1, 1, 1, [(0, 0, 1)], 1),
            new(4, 2, 5, 11, [(2, 0, 3), (0, 8, 1), (0, 5, 1), (1, -1, 2), (2, 3, 2)], 1 / Math.Sqrt(5)),
            new(3, 1, 6, 140, [(2, 127, 3), (0, 5, 1)], 0.3),
        ];

    internal static IReadOnlyList<AttentionPackedReference> Wide { get; } =
        [
            new(3, 2, 20, 330, [(0, 250, 70), (2, 0, 1), (1, 120, 20)], 1 / Math.Sqrt(20)),
            new(2, 3, 97, 70, [(1, 31, 39), (0, 16, 1)], 1 / Math.Sqrt(97)),
            new(2, 2, 128, 400, [(0, 399, 1), (1, 60, 7)], 1 / Math.Sqrt(128)),
        ];

    internal static AttentionPackedReference Many { get; } =
        new(7, 3, 24, 200, [(6, 130, 50), (0, 0, 33), (3, 199, 1), (1, -1, 3), (4, 64, 65), (5, 7, 2)], 0.2);

    protected override IReadOnlyList<AttentionPackedReference> Shapes => Edges;

    protected override IReadOnlyList<AttentionPackedReference> LargeShapes => Wide;

    protected override AttentionPackedReference SharedShape => Many;

    protected override IReadOnlyList<AttentionPackedReference> BenchShapes =>
        [new(4, 12, 64, 512, [(3, 256, 128), (1, 0, 128)], 0.125)];

    protected override Cost Bytes(AttentionPackedReference s) => BytesOf(s);

    protected override Cost Flops(AttentionPackedReference s) => FlopsOf(s);

    protected override void Declare(AttentionPackedReference s, OpData d) => DeclareTokens(s, d);

    protected override void Run(AttentionPackedReference s, Ops ops, OpRun r)
        => ops.AttentionPacked(r["qkv"], r.Indices("rows"), r.Indices("positions"), r["kCache"], r["vCache"],
            r["z"], s.N, s.S, s.H, (float)s.Scale);

    protected override void Oracle<T>(AttentionPackedReference s, OpValues<T> v)
        => v["z"] = s.Forward(v["qkv"], v["kCache"], v["vCache"]);

    protected override string Text(AttentionPackedReference s) => TextOf(s);

    internal static Cost BytesOf(AttentionPackedReference s)
        => new(8.0 * s.C * (s.N + s.Runs.Where(run => run.First >= 0).Sum(run => run.First + run.Count)),
            "8·keys·C + 8·N·C");

    internal static Cost FlopsOf(AttentionPackedReference s)
        => new(4.0 * s.C * s.Positions.Sum(position => position + 1.0), "4·keys·C·N");

    internal static string TextOf(AttentionPackedReference s)
        => $"N={s.N} S={s.S} keys={s.Positions.Max() + 1} H={s.H} D={s.D}";

    internal static void DeclareTokens(AttentionPackedReference s, OpData d)
    {
        int cache = s.S * s.Capacity * s.C;
        d.Input("qkv", Normal(41, s.N * 3 * s.C), s.N, 3 * s.C);
        d.Indices("rows", s.Rows);
        d.Indices("positions", s.Positions);
        d.Input("kCache", s.Seen(Normal(42, cache)), s.S, s.H, s.Capacity, s.D);
        d.Input("vCache", s.Seen(Normal(43, cache)), s.S, s.H, s.Capacity, s.D);
        d.Output("z", s.N, s.C);
    }
}
