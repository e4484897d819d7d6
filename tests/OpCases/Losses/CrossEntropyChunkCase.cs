using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Losses of logits that come in chunks of columns.</summary>
public sealed class CrossEntropyChunkCase : OpCase<ChunkShape>
{
    public override string Room => "Losses";

    public override int Order => 2;

    public override IReadOnlyList<Type> Kernels => [typeof(CrossEntropyChunkKernels)];

    public override string Formula =>
        "the same for columns [first, first+n) at a time: maximum, sum and the target's logit "
        + "are kept of a row";

    public override string ShapesText => "[rows,n], [rows], [rows,3] → [rows]";

    public override string Grid => "as above";

    public override string? Tests => "VocabularyLossTests";

    // A chunk that holds all; several with a rest; one column a chunk; one past the block.
    protected override IReadOnlyList<ChunkShape> Shapes =>
        [
            new(3, 1, 1, 0, 1), new(3, 7, 9, 0, 1), new(2, 131, 50, -1e4f, 3), new(2, 6, 1, 0, 40),
            new(2, 300, 257, 89, 3),
        ];

    protected override ChunkShape SharedShape => new(37, 2051, 500, 0, 4);

    protected override Cost Bytes(ChunkShape s) => Cost.Of(4.0 * s.Rows * s.V);

    protected override Cost Flops(ChunkShape s) => Cost.Of(3.0 * s.Rows * s.V);

    protected override void Declare(ChunkShape s, OpData d)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            d.Input(Part(first), Columns(s, first), s.Rows, Math.Min(s.Chunk, s.V - first));
        d.Indices("targets", [s.V - 1, .. Integers(3, s.Rows - 2, s.V), -1]);
        d.Scratch("statistics", s.Rows, 3);
        d.Output("losses", s.Rows);
    }

    protected override void Run(ChunkShape s, Ops ops, OpRun r)
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            ops.CrossEntropyChunk(r[Part(first)], r.Indices("targets"), r["statistics"], r["losses"], first);
    }

    protected override void Oracle<T>(ChunkShape s, OpValues<T> v)
        => v["losses"] = CrossEntropyReference.Forward(Joined(s, v), v.Indices("targets"));

    internal static string Part(int first) => $"logits from {first}";

    /// <summary>Columns of the logits from one on.</summary>
    internal static float[] Columns(ChunkShape s, int first)
    {
        float[] logits = Normal(2, s.Rows * s.V, s.Mean, s.Deviation);
        return [.. from r in Enumerable.Range(0, s.Rows)
                   from v in Enumerable.Range(first, Math.Min(s.Chunk, s.V - first))
                   select logits[r * s.V + v]];
    }

    /// <summary>The chunks side by side.</summary>
    internal static T[] Joined<T>(ChunkShape s, OpValues<T> values)
        where T : System.Numerics.IFloatingPointIeee754<T>
        => [.. from r in Enumerable.Range(0, s.Rows)
               from v in Enumerable.Range(0, s.V)
               let first = v / s.Chunk * s.Chunk
               select values[Part(first)][r * Math.Min(s.Chunk, s.V - first) + v - first]];

    /// <summary>Columns of a whole gradient, chunk by chunk.</summary>
    internal static void Cut<T>(ChunkShape s, T[] whole, OpValues<T> values)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        for (int first = 0; first < s.V; first += s.Chunk)
            values[Part(first)] = [.. from r in Enumerable.Range(0, s.Rows)
                                      from v in Enumerable.Range(first, Math.Min(s.Chunk, s.V - first))
                                      select whole[r * s.V + v]];
    }
}

/// <summary>Rows of logits that come in chunks.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="V">Vocabulary.</param>
/// <param name="Chunk">Columns of a chunk.</param>
/// <param name="Mean">Of the logits.</param>
/// <param name="Deviation">Of the logits.</param>
public readonly record struct ChunkShape(int Rows, int V, int Chunk, float Mean, float Deviation)
{
    /// <summary>The extents.</summary>
    public override string ToString() => $"{Rows} x {V} by {Chunk}, {Mean} +- {Deviation}";
}
