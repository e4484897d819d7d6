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
// Oracle: tests/Reference/AttentionReference.cs with rounded operands; on the simulator ShuffleTensorCores.

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
    /// Writes the q part of dQkv, TF32. Grid: B*H*ceil(T/OwnedTile). Group: <see cref="BlockSize"/>.
    /// </summary>
    public static void QueriesTf32<TCores, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => Queries<TCores, Tf32Operand, THead>(
            qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    /// <summary>The same with BF16 operands.</summary>
    public static void QueriesBf16<TCores, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => Queries<TCores, Bf16Operand, THead>(
            qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    /// <summary>
    /// Writes the k and v parts of dQkv, TF32. Grid and group as <see cref="QueriesTf32"/>.
    /// </summary>
    public static void KeysAndValuesTf32<TCores, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => KeysAndValues<TCores, Tf32Operand, THead>(
            qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    /// <summary>The same with BF16 operands.</summary>
    public static void KeysAndValuesBf16<TCores, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => KeysAndValues<TCores, Bf16Operand, THead>(
            qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    static void Queries<TCores, TOperand, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
        where THead : struct, IHeadChunks
    {
        int size = Side * Side / TOperand.Numbers; // words of a tile: q, then dZ, then keys or values
        ArrayView<float> shared = SharedMemory.Allocate<float>(3 * Side * Side / TOperand.Numbers);
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
            Load<TCores, TOperand>(qRows, shared, 0, q0, length);
            Load<TCores, TOperand>(dzRows, shared, size, q0, length);
        }

        int i = q0 + Line;
        long at = tile.Statistics + Line;
        float lse = i < length ? logSumExp[at] : float.PositiveInfinity, dot = i < length ? rowDot[at] : 0f;
        float lseBelow = i + 8 < length ? logSumExp[at + 8] : float.PositiveInfinity;
        float dotBelow = i + 8 < length ? rowDot[at + 8] : 0f;
        SumRow dQ = default, dQUpper = default;
        for (int k0 = 0; k0 < keys; k0 += Side)
        {
            if (THead.Two)
            {
                SumRow s = InHalves<TCores, TOperand>(
                    shared, origin, size, qRows, q0, length, kRows, k0, keys, D);
                s = s.UpToQuery(scale, i, k0 + Column).Exponentials(lse, lseBelow);
                SumRow g = InHalves<TCores, TOperand>(
                    shared, origin, size, dzRows, q0, length, vRows, k0, keys, D);
                s = s.Weighted(g, dot, dotBelow);
                dQ = Mix<TCores, TOperand>(s, shared, origin, size, kRows, k0, keys, dQ);
                dQUpper = Mix<TCores, TOperand>(s, shared, origin, size, kRows.Upper, k0, keys, dQUpper);
                continue;
            }
            Load<TCores, TOperand>(kRows, shared, 2 * size, k0, keys);
            Group.Barrier(); // own tiles and keys are complete
            SumRow p = Scores<TCores, TOperand>(shared, origin, 0, 2 * size, D, default);
            p = p.UpToQuery(scale, i, k0 + Column).Exponentials(lse, lseBelow);
            Group.Barrier(); // everyone is done with the keys
            Load<TCores, TOperand>(vRows, shared, 2 * size, k0, keys);
            Group.Barrier(); // values are complete
            SumRow dP = Scores<TCores, TOperand>(shared, origin, size, 2 * size, D, default);
            Group.Barrier(); // everyone is done with the values
            LoadTransposed<TCores, TOperand>(kRows, shared, 2 * size, k0, keys);
            Group.Barrier(); // columns of the keys are complete
            dQ = AttentionTensorTiles.Mix<TCores, TOperand>(
                p.Weighted(dP, dot, dotBelow), shared, origin, 2 * size, dQ);
            Group.Barrier(); // everyone is done with them before the next tile comes
        }
        var to = new HeadRows(dQkv, tile, 3 * C, column, D, aligned);
        dQ.Scaled(scale, scale).Store(to, q0, length, T);
        if (THead.Two)
            dQUpper.Scaled(scale, scale).Store(to.Upper, q0, length, T);
    }

    static void KeysAndValues<TCores, TOperand, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
        where THead : struct, IHeadChunks
    {
        int size = Side * Side / TOperand.Numbers; // words of a tile: k, then v, then queries or dZ
        ArrayView<float> shared = SharedMemory.Allocate<float>(3 * Side * Side / TOperand.Numbers);
        int origin = TCores.Origin(shared);
        var tile = HeadTile.OfKeys(lengths, T, H, Side);
        int C = H * D, k0 = tile.First, length = tile.Length, column = tile.Head * D;
        var qRows = new HeadRows(qkv, tile, 3 * C, column, D, aligned);
        var dzRows = new HeadRows(dZ, tile, C, column, D, aligned);
        var kRows = new HeadRows(qkv, tile, 3 * C, C + column, D, aligned);
        var vRows = new HeadRows(qkv, tile, 3 * C, 2 * C + column, D, aligned);
        if (!THead.Two)
        {
            Load<TCores, TOperand>(kRows, shared, 0, k0, length);
            Load<TCores, TOperand>(vRows, shared, size, k0, length);
        }

        SumRow dK = default, dV = default, dKUpper = default, dVUpper = default;
        for (int q0 = k0; q0 < length; q0 += Side)
        {
            int i = q0 + Column;
            long at = tile.Statistics - k0 + i;
            if (THead.Two)
            {
                SumRow s = InHalves<TCores, TOperand>(
                    shared, origin, size, kRows, k0, length, qRows, q0, length, D);
                s = s.Probabilities(scale, k0 + Line, i, logSumExp, at, length - i);
                dV = Mix<TCores, TOperand>(s, shared, origin, size, dzRows, q0, length, dV);
                dVUpper = Mix<TCores, TOperand>(s, shared, origin, size, dzRows.Upper, q0, length, dVUpper);
                SumRow g = InHalves<TCores, TOperand>(
                    shared, origin, size, vRows, k0, length, dzRows, q0, length, D);
                s = s.Weighted(g, rowDot, at, length - i);
                dK = Mix<TCores, TOperand>(s, shared, origin, size, qRows, q0, length, dK);
                dKUpper = Mix<TCores, TOperand>(s, shared, origin, size, qRows.Upper, q0, length, dKUpper);
                continue;
            }
            Load<TCores, TOperand>(qRows, shared, 2 * size, q0, length);
            Group.Barrier(); // own tiles and queries are complete
            SumRow p = Scores<TCores, TOperand>(shared, origin, 0, 2 * size, D, default);
            p = p.Probabilities(scale, k0 + Line, i, logSumExp, at, length - i);
            Group.Barrier(); // everyone is done with the queries
            LoadTransposed<TCores, TOperand>(dzRows, shared, 2 * size, q0, length);
            Group.Barrier(); // columns of dZ are complete
            dV = AttentionTensorTiles.Mix<TCores, TOperand>(p, shared, origin, 2 * size, dV);
            Group.Barrier(); // everyone is done with them
            Load<TCores, TOperand>(dzRows, shared, 2 * size, q0, length);
            Group.Barrier(); // rows of dZ are complete
            SumRow dP = Scores<TCores, TOperand>(shared, origin, size, 2 * size, D, default);
            Group.Barrier(); // everyone is done with them
            LoadTransposed<TCores, TOperand>(qRows, shared, 2 * size, q0, length);
            Group.Barrier(); // columns of the queries are complete
            dK = AttentionTensorTiles.Mix<TCores, TOperand>(
                p.Weighted(dP, rowDot, at, length - i), shared, origin, 2 * size, dK);
            Group.Barrier(); // everyone is done with them before the next tile comes
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

    // Products of two heads' rows over all columns, lower half and upper half through the same two tiles.
    static SumRow InHalves<TCores, TOperand>(
        ArrayView<float> shared, int origin, int size,
        HeadRows left, int leftFirst, int leftEnd, HeadRows right, int rightFirst, int rightEnd, int D)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        Load<TCores, TOperand>(left, shared, 0, leftFirst, leftEnd);
        Load<TCores, TOperand>(right, shared, size, rightFirst, rightEnd);
        Group.Barrier(); // both lower halves are complete
        SumRow s = Scores<TCores, TOperand>(shared, origin, 0, size, Side, default);
        Group.Barrier(); // everyone is done with them
        Load<TCores, TOperand>(left.Upper, shared, 0, leftFirst, leftEnd);
        Load<TCores, TOperand>(right.Upper, shared, size, rightFirst, rightEnd);
        Group.Barrier(); // both upper halves are complete
        s = Scores<TCores, TOperand>(shared, origin, 0, size, D - Side, s);
        Group.Barrier(); // everyone is done with them
        return s;
    }

    // Adds the product of a lane's weights with columns of rows, which come through the second tile.
    static SumRow Mix<TCores, TOperand>(
        SumRow weights, ArrayView<float> shared, int origin, int size, HeadRows rows, int first, int end,
        SumRow sum)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        LoadTransposed<TCores, TOperand>(rows, shared, size, first, end);
        Group.Barrier(); // the columns are complete
        sum = AttentionTensorTiles.Mix<TCores, TOperand>(weights, shared, origin, size, sum);
        Group.Barrier(); // everyone is done with them
        return sum;
    }
}
