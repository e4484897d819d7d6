using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>The same, each token alone.</summary>
public sealed class AttentionPackedOneCase : OpCase<AttentionPackedReference>
{
    public override string Room => "Attention";

    public override int Order => 18;

    public override IReadOnlyList<Type> Kernels => [typeof(AttentionPackedKernels)];

    public override string Formula => "`AttentionPacked`, each token alone";

    public override string ShapesText => "qkv [N,3C], caches [S,H,capacity,D] ² → [N,C]";

    public override string Grid => "group of 128 per (n, h), chunks of 128 keys / some heads";

    public override string ExactnessText =>
        "2x; a token's bits do not depend on the others; on the host those of `AttentionCached`";

    public override string? Tests => "AttentionPackedTests";

    public override string? Bench => "attention packed one";

    public override string BenchFamily => "attention";

    protected override IReadOnlyList<AttentionPackedReference> Shapes => AttentionPackedCase.Edges;

    protected override IReadOnlyList<AttentionPackedReference> LargeShapes => AttentionPackedCase.Wide;

    protected override AttentionPackedReference SharedShape => AttentionPackedCase.Many;

    protected override IReadOnlyList<AttentionPackedReference> BenchShapes =>
        [new(8, 12, 64, 512, [.. Enumerable.Range(0, 8).Select(row => (row, 191, 1))], 0.125)];

    protected override Cost Bytes(AttentionPackedReference s) => AttentionPackedCase.BytesOf(s);

    protected override Cost Flops(AttentionPackedReference s) => AttentionPackedCase.FlopsOf(s);

    protected override void Declare(AttentionPackedReference s, OpData d)
        => AttentionPackedCase.DeclareTokens(s, d);

    protected override void Run(AttentionPackedReference s, Ops ops, OpRun r)
        => ops.AttentionPackedOne(r["qkv"], r.Indices("rows"), r.Indices("positions"), r["kCache"],
            r["vCache"], r["z"], s.N, s.S, s.H, (float)s.Scale);

    protected override void Oracle<T>(AttentionPackedReference s, OpValues<T> v)
        => v["z"] = s.Forward(v["qkv"], v["kCache"], v["vCache"]);

    protected override string Text(AttentionPackedReference s) => AttentionPackedCase.TextOf(s);
}
