using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.OpCases;

/// <summary>Gradients over the chunks of logits.</summary>
public sealed class CrossEntropyChunkGradientCase : OpCase<ChunkShape>
{
    const float Scale = 0.25f;

    public override string Room => "Losses";

    public override int Order => 3;

    public override IReadOnlyList<Type> Kernels => [typeof(CrossEntropyChunkKernels)];

    public override string Formula => "d = (softmax(x) - onehot) · scale, from what is kept of a row";

    public override string ShapesText => "[rows], [rows,3], [rows,n] in place";

    public override string Grid => "as above";

    public override string? Tests => "VocabularyLossTests";

    protected override IReadOnlyList<ChunkShape> Shapes =>
        [
            new(3, 1, 1, 0, 1), new(3, 7, 9, 0, 1), new(2, 131, 50, -1e4f, 3), new(2, 6, 1, 0, 40),
            new(2, 300, 257, 89, 3),
        ];

    protected override ChunkShape SharedShape => new(37, 2051, 500, 0, 4);

    protected override Cost Bytes(ChunkShape s) => Cost.Of(8.0 * s.Rows * s.V);

    protected override Cost Flops(ChunkShape s) => Cost.Of(4.0 * s.Rows * s.V);

    protected override void Declare(ChunkShape s, OpData d)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            d.State(CrossEntropyChunkCase.Part(first), CrossEntropyChunkCase.Columns(s, first),
                s.Rows, Math.Min(s.Chunk, s.V - first));
        d.Indices("targets", [s.V - 1, .. Integers(3, s.Rows - 2, s.V), -1]);
        d.Scratch("statistics", s.Rows, 3);
        d.Scratch("losses", s.Rows);
    }

    protected override void Prepare(ChunkShape s, Ops ops, OpRun r)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            ops.CrossEntropyChunk(r[CrossEntropyChunkCase.Part(first)], r.Indices("targets"), r["statistics"],
                r["losses"], first);
    }

    protected override void Run(ChunkShape s, Ops ops, OpRun r)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            ops.CrossEntropyChunkGradient(r.Indices("targets"), r["statistics"],
                r[CrossEntropyChunkCase.Part(first)], first, Scale);
    }

    protected override void Oracle<T>(ChunkShape s, OpValues<T> v)
    {
        T[] logits = CrossEntropyChunkCase.Joined(s, v);
        CrossEntropyChunkCase.Cut(s, CrossEntropyReference.Backward(logits, v.Indices("targets"), Scale), v);
    }
}
