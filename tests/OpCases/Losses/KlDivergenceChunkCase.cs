using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Divergences of logits that come in chunks of columns.</summary>
public sealed class KlDivergenceChunkCase : OpCase<ChunkShape>
{
    public override string Room => "Losses";

    public override int Order => 4;

    public override IReadOnlyList<Type> Kernels => [typeof(KlDivergenceChunkKernels)];

    public override string Formula =>
        "the same for columns at a time: both maxima and sums and Σ e^a (a - b) aligned are kept "
        + "of a row";

    public override string ShapesText => "[rows,n] or [rows,V], [rows,n], [rows,5] → [rows]";

    public override string Grid => "as above";

    public override string ExactnessText => "2x; equal rows, and rows apart by a constant, exactly 0";

    public override string? Tests => "VocabularyLossTests";

    protected override IReadOnlyList<ChunkShape> Shapes =>
        [
            new(3, 1, 1, 0, 1), new(3, 7, 9, 0, 1), new(2, 131, 50, -1e4f, 3), new(2, 6, 1, 0, 40),
            new(2, 300, 257, 89, 3),
        ];

    protected override ChunkShape SharedShape => new(37, 2051, 500, 0, 4);

    protected override Cost Bytes(ChunkShape s) => Cost.Of(8.0 * s.Rows * s.V);

    protected override Cost Flops(ChunkShape s) => Cost.Of(10.0 * s.Rows * s.V);

    protected override void Declare(ChunkShape s, OpData d)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            d.Input(CrossEntropyChunkCase.Part(first), CrossEntropyChunkCase.Columns(s, first),
                s.Rows, Math.Min(s.Chunk, s.V - first));
        d.Input("targetLogits", Normal(1, s.Rows * s.V, s.Mean, s.Deviation), s.Rows, s.V);
        d.Scratch("statistics", s.Rows, 5);
        d.Output("losses", s.Rows);
    }

    protected override void Run(ChunkShape s, Ops ops, OpRun r)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            ops.KlDivergenceChunk(r["targetLogits"], r[CrossEntropyChunkCase.Part(first)], r["statistics"],
                r["losses"], first);
    }

    protected override void Oracle<T>(ChunkShape s, OpValues<T> v)
    {
        v["losses"] = KlDivergenceReference.Forward(
            v["targetLogits"], CrossEntropyChunkCase.Joined(s, v), s.Rows);
    }
}
