using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Gradients over the chunks of logits.</summary>
public sealed class KlDivergenceChunkGradientCase : OpCase<ChunkShape>
{
    const float Scale = 0.25f;

    public override string Room => "Losses";

    public override int Order => 5;

    public override IReadOnlyList<Type> Kernels => [typeof(KlDivergenceChunkKernels)];

    public override string Formula =>
        "d = (softmax(x) - softmax(target)) · scale, from what is kept of a row";

    public override string ShapesText => "[rows,n] or [rows,V], [rows,5], [rows,n] in place";

    public override string Grid => "as above";

    public override string ExactnessText => "2x; equal rows, and rows apart by a constant, exactly 0";

    public override string? Tests => "VocabularyLossTests";

    protected override IReadOnlyList<ChunkShape> Shapes =>
        [
            new(3, 1, 1, 0, 1), new(3, 7, 9, 0, 1), new(2, 131, 50, -1e4f, 3), new(2, 6, 1, 0, 40),
            new(2, 300, 257, 89, 3),
        ];

    protected override ChunkShape SharedShape => new(37, 2051, 500, 0, 4);

    protected override Cost Bytes(ChunkShape s) => Cost.Of(12.0 * s.Rows * s.V);

    protected override Cost Flops(ChunkShape s) => Cost.Of(7.0 * s.Rows * s.V);

    protected override void Declare(ChunkShape s, OpData d)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            d.State(CrossEntropyChunkCase.Part(first), CrossEntropyChunkCase.Columns(s, first),
                s.Rows, Math.Min(s.Chunk, s.V - first));
        d.Input("targetLogits", Normal(1, s.Rows * s.V, s.Mean, s.Deviation), s.Rows, s.V);
        d.Scratch("statistics", s.Rows, 5);
        d.Scratch("losses", s.Rows);
    }

    protected override void Prepare(ChunkShape s, Ops ops, OpRun r)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            ops.KlDivergenceChunk(r["targetLogits"], r[CrossEntropyChunkCase.Part(first)], r["statistics"],
                r["losses"], first);
    }

    protected override void Run(ChunkShape s, Ops ops, OpRun r)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            ops.KlDivergenceChunkGradient(r["targetLogits"], r["statistics"],
                r[CrossEntropyChunkCase.Part(first)], first, Scale);
    }

    protected override void Oracle<T>(ChunkShape s, OpValues<T> v)
    {
        T[] logits = CrossEntropyChunkCase.Joined(s, v);
        T[] gradient = KlDivergenceReference.Backward(v["targetLogits"], logits, s.Rows, Scale);
        CrossEntropyChunkCase.Cut(s, gradient, v);
    }
}
