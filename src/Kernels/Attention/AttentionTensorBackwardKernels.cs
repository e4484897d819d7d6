// Gradients of causal self-attention on tensor cores: the mathematics of AttentionBackwardKernels, operands
// rounded to TF32 or BF16, sums and statistics in float32. Heads of up to 128.
//
// Queries runs one group of four warps per 64 queries and walks the keys, KeysAndValues one per 64 keys and
// walks the queries. Scores, and what becomes of them, stay in registers. Own tiles stay in shared memory;
// what passes by is loaded as rows for the scores and as columns for the gradients, through one tile, so
// that TF32 takes 48 KiB. Heads of more than 64 come in halves through two tiles, own rows too.
//
//   shapes as in AttentionBackwardKernels, whose RowDots comes first
//
// Oracle: tests/Reference/AttentionReference.cs with rounded operands; run on the interpreter of PTX.

using ILGPU;
using static HeadTap.Kernels.AttentionTensorTiles;

namespace HeadTap.Kernels;

/// <summary>Gradients of <see cref="AttentionTensorKernels"/>.</summary>
public static class AttentionTensorBackwardKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = AttentionTensorTiles.BlockSize;

    /// <summary>Rows whose gradients one group writes.</summary>
    public const int OwnedTile = Side;

    /// <summary>
    /// Writes the q part of dQkv. Grid: B*H*ceil(T/OwnedTile). Group: <see cref="BlockSize"/>.
    /// </summary>
    public static void Queries<TCores, TNumber, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
        where THead : struct, IHeadChunks
    {
        int size = Side * Side / TNumber.PerWord; // words of a tile: q, then dZ, then keys or values
        ArrayView<float> shared = SharedMemory.Allocate<float>(3 * Side * Side / TNumber.PerWord);
        int origin = TCores.Origin(shared);
        var tile = HeadTile.OfQueries(lengths, T, H, Side);
        int C = H * D, q0 = tile.First, length = tile.Length, column = tile.Head * D;
        var kRows = new HeadRows(qkv, tile, 3 * C, C + column, D, aligned);
        var vRows = new HeadRows(qkv, tile, 3 * C, 2 * C + column, D, aligned);
        int keys = q0 < length ? IntrinsicMath.Min(length, q0 + Side) : 0;
        var qRows = new HeadRows(qkv, tile, 3 * C, column, D, aligned);
        var dzRows = new HeadRows(dZ, tile, C, column, D, aligned);
        if (!THead.Two)
        {
            Load<TCores, TNumber>(qRows, shared, 0, q0, length);
            Load<TCores, TNumber>(dzRows, shared, size, q0, length);
        }

        int i = q0 + Line;
        long at = tile.Statistics + Line;
        float lse = i < length ? logSumExp[at] : float.PositiveInfinity, dot = i < length ? rowDot[at] : 0f;
        float lseBelow = i + 8 < length ? logSumExp[at + 8] : float.PositiveInfinity;
        float dotBelow = i + 8 < length ? rowDot[at + 8] : 0f;
        Accumulator16x64 dQ = default, dQUpper = default;
        for (int k0 = 0; k0 < keys; k0 += Side)
        {
            Accumulator16x64 s = Products<TCores, TNumber, THead>(
                shared, origin, 0, qRows, q0, length, kRows, k0, keys, D);
            s = s.UpToQuery(scale, i, k0 + Column).Exponentials(lse, lseBelow);
            Accumulator16x64 dP = Products<TCores, TNumber, THead>(
                shared, origin, size, dzRows, q0, length, vRows, k0, keys, D);
            s = s.Weighted(dP, dot, dotBelow);
            dQ = Mix<TCores, TNumber, THead>(s, shared, origin, kRows, k0, keys, dQ);
            if (THead.Two)
                dQUpper = Mix<TCores, TNumber, THead>(s, shared, origin, kRows.Upper, k0, keys, dQUpper);
        }
        var to = new HeadRows(dQkv, tile, 3 * C, column, D, aligned);
        dQ.Scaled(scale, scale).Store(to, q0, length, T);
        if (THead.Two)
            dQUpper.Scaled(scale, scale).Store(to.Upper, q0, length, T);
    }

    /// <summary>Writes the k and v parts of dQkv. Grid and group as <see cref="Queries"/>.</summary>
    public static void KeysAndValues<TCores, TNumber, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
        where THead : struct, IHeadChunks
    {
        int size = Side * Side / TNumber.PerWord; // words of a tile: k, then v, then queries or dZ
        ArrayView<float> shared = SharedMemory.Allocate<float>(3 * Side * Side / TNumber.PerWord);
        int origin = TCores.Origin(shared);
        var tile = HeadTile.OfKeys(lengths, T, H, Side);
        int C = H * D, k0 = tile.First, length = tile.Length, column = tile.Head * D;
        var qRows = new HeadRows(qkv, tile, 3 * C, column, D, aligned);
        var dzRows = new HeadRows(dZ, tile, C, column, D, aligned);
        var kRows = new HeadRows(qkv, tile, 3 * C, C + column, D, aligned);
        var vRows = new HeadRows(qkv, tile, 3 * C, 2 * C + column, D, aligned);
        if (!THead.Two)
        {
            Load<TCores, TNumber>(kRows, shared, 0, k0, length);
            Load<TCores, TNumber>(vRows, shared, size, k0, length);
        }

        Accumulator16x64 dK = default, dV = default, dKUpper = default, dVUpper = default;
        for (int q0 = k0; q0 < length; q0 += Side)
        {
            int i = q0 + Column;
            long at = tile.Statistics - k0 + i;
            Accumulator16x64 s = Products<TCores, TNumber, THead>(
                shared, origin, 0, kRows, k0, length, qRows, q0, length, D);
            s = s.Probabilities(scale, k0 + Line, i, logSumExp, at, length - i);
            dV = Mix<TCores, TNumber, THead>(s, shared, origin, dzRows, q0, length, dV);
            if (THead.Two)
                dVUpper = Mix<TCores, TNumber, THead>(s, shared, origin, dzRows.Upper, q0, length, dVUpper);
            Accumulator16x64 dP = Products<TCores, TNumber, THead>(
                shared, origin, size, vRows, k0, length, dzRows, q0, length, D);
            // The weights come after the columns: before them ptxas takes 200 registers a thread in place of
            // 168, and two groups fit a multiprocessor in place of three.
            LoadColumns<TCores, TNumber, THead>(shared, qRows, q0, length);
            s = s.Weighted(dP, rowDot, at, length - i);
            dK = MixLoaded<TCores, TNumber, THead>(s, shared, origin, dK);
            if (THead.Two)
                dKUpper = Mix<TCores, TNumber, THead>(s, shared, origin, qRows.Upper, q0, length, dKUpper);
        }
        var dkRows = new HeadRows(dQkv, tile, 3 * C, C + column, D, aligned);
        var dvRows = new HeadRows(dQkv, tile, 3 * C, 2 * C + column, D, aligned);
        dK.Scaled(scale, scale).Store(dkRows, k0, length, T);
        dV.Store(dvRows, k0, length, T);
        if (THead.Two)
        {
            dKUpper.Scaled(scale, scale).Store(dkRows.Upper, k0, length, T);
            dVUpper.Store(dvRows.Upper, k0, length, T);
        }
    }

    // Products of the group's own rows with rows that pass by, over all columns. A narrow head's own tile is
    // in shared memory already, at word `own`, and the rows pass through the third tile. A wide head's rows
    // come in halves, both through the first two tiles.
    static Accumulator16x64 Products<TCores, TNumber, THead>(
        ArrayView<float> shared, int origin, int own, HeadRows ownRows, int ownFirst, int ownEnd,
        HeadRows passing, int first, int end, int D)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
        where THead : struct, IHeadChunks
    {
        int size = Side * Side / TNumber.PerWord;
        Accumulator16x64 s;
        if (!THead.Two)
        {
            Load<TCores, TNumber>(passing, shared, 2 * size, first, end);
            Group.Barrier(); // own tile and passing rows are complete
            s = Scores<TCores, TNumber>(shared, origin, own, 2 * size, D, default);
            Group.Barrier(); // everyone is done with the passing rows
            return s;
        }
        Load<TCores, TNumber>(ownRows, shared, 0, ownFirst, ownEnd);
        Load<TCores, TNumber>(passing, shared, size, first, end);
        Group.Barrier(); // both lower halves are complete
        s = Scores<TCores, TNumber>(shared, origin, 0, size, Side, default);
        Group.Barrier(); // everyone is done with them
        Load<TCores, TNumber>(ownRows.Upper, shared, 0, ownFirst, ownEnd);
        Load<TCores, TNumber>(passing.Upper, shared, size, first, end);
        Group.Barrier(); // both upper halves are complete
        s = Scores<TCores, TNumber>(shared, origin, 0, size, D - Side, s);
        Group.Barrier(); // everyone is done with them
        return s;
    }

    // Adds the product of a lane's weights with columns of rows.
    static Accumulator16x64 Mix<TCores, TNumber, THead>(
        Accumulator16x64 weights, ArrayView<float> shared, int origin, HeadRows rows, int first, int end,
        Accumulator16x64 sum)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
        where THead : struct, IHeadChunks
    {
        LoadColumns<TCores, TNumber, THead>(shared, rows, first, end);
        return MixLoaded<TCores, TNumber, THead>(weights, shared, origin, sum);
    }

    // Columns of rows go through the tile that no own rows take.
    static void LoadColumns<TCores, TNumber, THead>(
        ArrayView<float> shared, HeadRows rows, int first, int end)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
        where THead : struct, IHeadChunks
    {
        LoadTransposed<TCores, TNumber>(rows, shared, ColumnTile<TNumber, THead>(), first, end);
        Group.Barrier(); // the columns are complete
    }

    static Accumulator16x64 MixLoaded<TCores, TNumber, THead>(
        Accumulator16x64 weights, ArrayView<float> shared, int origin, Accumulator16x64 sum)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
        where THead : struct, IHeadChunks
    {
        sum = AttentionTensorTiles.Mix<TCores, TNumber>(
            weights, shared, origin, ColumnTile<TNumber, THead>(), sum);
        Group.Barrier(); // everyone is done with them
        return sum;
    }

    // Words before the tile of columns.
    static int ColumnTile<TNumber, THead>()
        where TNumber : struct, ITensorNumber
        where THead : struct, IHeadChunks
        => (THead.Two ? 1 : 2) * (Side * Side / TNumber.PerWord);
}
