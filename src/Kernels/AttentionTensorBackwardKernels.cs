// Gradients of causal self-attention on tensor cores: the mathematics of AttentionBackwardKernels, operands
// rounded to TF32 or BF16, sums and statistics in float32. Heads of up to 64.
//
// Queries runs one group of four warps per 64 queries and walks the keys, KeysAndValues one per 64 keys and
// walks the queries. Scores, and what becomes of them, stay in registers. Own tiles stay in shared memory;
// what passes by is loaded as rows for the scores and as columns for the gradients, through one tile, so
// that TF32 takes 48 KiB.
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
    public static void QueriesTf32<TCores>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        => Queries<TCores, Tf32Operand>(qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    /// <summary>The same with BF16 operands.</summary>
    public static void QueriesBf16<TCores>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        => Queries<TCores, Bf16Operand>(qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    /// <summary>
    /// Writes the k and v parts of dQkv, TF32. Grid and group as <see cref="QueriesTf32"/>.
    /// </summary>
    public static void KeysAndValuesTf32<TCores>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        => KeysAndValues<TCores, Tf32Operand>(qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale,
            aligned);

    /// <summary>The same with BF16 operands.</summary>
    public static void KeysAndValuesBf16<TCores>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        => KeysAndValues<TCores, Bf16Operand>(qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale,
            aligned);

    static void Queries<TCores, TOperand>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        int size = Side * Side / TOperand.Numbers; // words of a tile: q, then dZ, then keys or values
        ArrayView<float> shared = SharedMemory.Allocate<float>(3 * Side * Side / TOperand.Numbers);
        int origin = TCores.Origin(shared);
        var tile = HeadTile.OfQueries(lengths, T, H, Side);
        int C = H * D, q0 = tile.First, length = tile.Length, column = tile.Head * D;
        var kRows = new HeadRows(qkv, tile, 3 * C, C + column, D, aligned);
        var vRows = new HeadRows(qkv, tile, 3 * C, 2 * C + column, D, aligned);
        int keys = q0 < length ? IntrinsicMath.Min(length, q0 + Side) : 0;
        Load<TCores, TOperand>(new HeadRows(qkv, tile, 3 * C, column, D, aligned), shared, 0, q0, length);
        Load<TCores, TOperand>(new HeadRows(dZ, tile, C, column, D, aligned), shared, size, q0, length);

        int i = q0 + Line;
        long at = tile.Statistics + Line;
        float lse = i < length ? logSumExp[at] : float.PositiveInfinity, dot = i < length ? rowDot[at] : 0f;
        float lseBelow = i + 8 < length ? logSumExp[at + 8] : float.PositiveInfinity;
        float dotBelow = i + 8 < length ? rowDot[at + 8] : 0f;
        SumRow dQ = default;
        for (int k0 = 0; k0 < keys; k0 += Side)
        {
            Load<TCores, TOperand>(kRows, shared, 2 * size, k0, keys);
            Group.Barrier(); // own tiles and keys are complete
            SumRow p = Scores<TCores, TOperand>(shared, origin, 0, 2 * size, D);
            p = p.UpToQuery(scale, i, k0 + Column).Exponentials(lse, lseBelow);
            Group.Barrier(); // everyone is done with the keys
            Load<TCores, TOperand>(vRows, shared, 2 * size, k0, keys);
            Group.Barrier(); // values are complete
            SumRow dP = Scores<TCores, TOperand>(shared, origin, size, 2 * size, D);
            Group.Barrier(); // everyone is done with the values
            LoadTransposed<TCores, TOperand>(kRows, shared, 2 * size, k0, keys);
            Group.Barrier(); // columns of the keys are complete
            dQ = Mix<TCores, TOperand>(p.Weighted(dP, dot, dotBelow), shared, origin, 2 * size, dQ);
            Group.Barrier(); // everyone is done with them before the next tile comes
        }
        dQ.Scaled(scale, scale).Store(new HeadRows(dQkv, tile, 3 * C, column, D, aligned), q0, length, T);
    }

    static void KeysAndValues<TCores, TOperand>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where TOperand : struct, IAttentionOperand
    {
        int size = Side * Side / TOperand.Numbers; // words of a tile: k, then v, then queries or dZ
        ArrayView<float> shared = SharedMemory.Allocate<float>(3 * Side * Side / TOperand.Numbers);
        int origin = TCores.Origin(shared);
        var tile = HeadTile.OfKeys(lengths, T, H, Side);
        int C = H * D, k0 = tile.First, length = tile.Length, column = tile.Head * D;
        var qRows = new HeadRows(qkv, tile, 3 * C, column, D, aligned);
        var dzRows = new HeadRows(dZ, tile, C, column, D, aligned);
        Load<TCores, TOperand>(new HeadRows(qkv, tile, 3 * C, C + column, D, aligned), shared, 0, k0, length);
        Load<TCores, TOperand>(new HeadRows(qkv, tile, 3 * C, 2 * C + column, D, aligned), shared, size, k0,
            length);

        SumRow dK = default, dV = default;
        for (int q0 = k0; q0 < length; q0 += Side)
        {
            int i = q0 + Column;
            long at = tile.Statistics - k0 + i;
            Load<TCores, TOperand>(qRows, shared, 2 * size, q0, length);
            Group.Barrier(); // own tiles and queries are complete
            SumRow p = Scores<TCores, TOperand>(shared, origin, 0, 2 * size, D);
            p = p.Probabilities(scale, k0 + Line, i, logSumExp, at, length - i);
            Group.Barrier(); // everyone is done with the queries
            LoadTransposed<TCores, TOperand>(dzRows, shared, 2 * size, q0, length);
            Group.Barrier(); // columns of dZ are complete
            dV = Mix<TCores, TOperand>(p, shared, origin, 2 * size, dV);
            Group.Barrier(); // everyone is done with them
            Load<TCores, TOperand>(dzRows, shared, 2 * size, q0, length);
            Group.Barrier(); // rows of dZ are complete
            SumRow dP = Scores<TCores, TOperand>(shared, origin, size, 2 * size, D);
            Group.Barrier(); // everyone is done with them
            LoadTransposed<TCores, TOperand>(qRows, shared, 2 * size, q0, length);
            Group.Barrier(); // columns of the queries are complete
            dK = Mix<TCores, TOperand>(p.Weighted(dP, rowDot, at, length - i), shared, origin, 2 * size, dK);
            Group.Barrier(); // everyone is done with them before the next tile comes
        }
        dK.Scaled(scale, scale).Store(new HeadRows(dQkv, tile, 3 * C, C + column, D, aligned), k0, length, T);
        dV.Store(new HeadRows(dQkv, tile, 3 * C, 2 * C + column, D, aligned), k0, length, T);
    }
}
