using ILGPU;

namespace HeadTap.Kernels;

/// <summary>How many chunks of 64 columns a head takes, known when a kernel is compiled.</summary>
public interface IHeadChunks
{
    /// <summary>True for two chunks, false for one.</summary>
    static abstract bool Two { get; }
}

/// <summary>Heads of up to 64.</summary>
public readonly struct OneChunk : IHeadChunks
{
    static bool IHeadChunks.Two => false;
}

/// <summary>Heads of 65 to 128.</summary>
public readonly struct TwoChunks : IHeadChunks
{
    static bool IHeadChunks.Two => true;
}

/// <summary>Which rows of which head a group of an attention kernel owns.</summary>
struct HeadTile
{
    /// <summary>First owned position of the sequence.</summary>
    public int First;

    /// <summary>The head.</summary>
    public int Head;

    /// <summary>Real tokens of the sequence.</summary>
    public int Length;

    /// <summary>The sequence's first row in [B*T, …].</summary>
    public long Row0;

    /// <summary>The index of First in [B, H, T].</summary>
    public long Statistics;

    /// <summary>
    /// Tiles of queries. The last ones have the most keys, so they start first and none ends the run alone.
    /// </summary>
    internal static HeadTile OfQueries(ArrayView<int> lengths, int T, int H, int rows)
    {
        int tiles = (T + rows - 1) / rows, heads = Grid.DimX / tiles;
        return Of(tiles - 1 - Grid.IdxX / heads, Grid.IdxX % heads, lengths, T, H, rows);
    }

    /// <summary>Tiles of keys. The first ones have the most queries.</summary>
    internal static HeadTile OfKeys(ArrayView<int> lengths, int T, int H, int rows)
    {
        int heads = Grid.DimX / ((T + rows - 1) / rows);
        return Of(Grid.IdxX / heads, Grid.IdxX % heads, lengths, T, H, rows);
    }

    static HeadTile Of(int tile, int bh, ArrayView<int> lengths, int T, int H, int rows)
    {
        HeadTile at = default;
        at.First = tile * rows;
        at.Head = bh % H;
        at.Length = IntrinsicMath.Clamp(lengths[bh / H], 0, T);
        at.Row0 = (long)(bh / H) * T;
        at.Statistics = (long)bh * T + at.First;
        return at;
    }
}

/// <summary>One head's rows of a tensor: q, k or v in [B*T, 3C], z or a gradient in [B*T, C].</summary>
struct HeadRows(ArrayView<float> view, HeadTile tile, int stride, int column, int D, int aligned)
{
    /// <summary>The whole tensor.</summary>
    public ArrayView<float> View = view;

    /// <summary>The index of the head's first column in the sequence's first row.</summary>
    public long Start = tile.Row0 * stride + column;

    /// <summary>Floats from row to row.</summary>
    public int Stride = stride;

    /// <summary>Columns of the head.</summary>
    public int D = D;

    /// <summary>1 when every row of the head begins at a multiple of 16 bytes.</summary>
    public int Aligned = aligned;

    /// <summary>The columns from 64 on.</summary>
    internal readonly HeadRows Upper
    {
        get
        {
            HeadRows upper = this;
            upper.Start += AttentionSharedTiles.Columns;
            upper.D -= AttentionSharedTiles.Columns;
            return upper;
        }
    }

    /// <summary>The index of a row's first column.</summary>
    internal readonly long At(int row) => Start + (long)row * Stride;
}
