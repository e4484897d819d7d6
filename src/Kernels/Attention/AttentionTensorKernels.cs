// Causal self-attention on tensor cores: the mathematics of AttentionKernels, operands rounded to TF32 or
// BF16, sums, softmax and statistics in float32. Heads of up to 128.
//
// One group of four warps per (row of the batch, head, 64 queries); 64 keys pass by at a time. A warp has 16
// queries and keeps their scores in registers: they become the left operand of the product with the values
// without passing through memory (FlashAttention-2, Dao 2023).
//
//   shapes as in AttentionKernels
//
// Oracle: tests/Reference/AttentionReference.cs with rounded operands; run on the interpreter of PTX.

using ILGPU;
using static HeadTap.Kernels.AttentionTensorTiles;

namespace HeadTap.Kernels;

/// <summary>Causal self-attention on tensor cores.</summary>
public static class AttentionTensorKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = AttentionTensorTiles.BlockSize;

    /// <summary>Queries of one group.</summary>
    public const int QueryTile = Side;

    /// <summary>The widest head.</summary>
    public const int MaxHeadSize = 2 * Side;

    /// <summary>
    /// Writes z and logSumExp with TF32 operands. Grid: B*H*ceil(T/QueryTile). Group: <see
    /// cref="BlockSize"/>.
    /// </summary>
    public static void ForwardTf32<TCores, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => Forward<TCores, Tf32Number, THead, Unedited>(
            qkv, lengths, z, logSumExp, lengths, 0, T, H, D, scale, aligned);

    /// <summary>The same with BF16 operands.</summary>
    public static void ForwardBf16<TCores, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => Forward<TCores, Bf16Number, THead, Unedited>(
            qkv, lengths, z, logSumExp, lengths, 0, T, H, D, scale, aligned);

    /// <summary>
    /// <see cref="ForwardTf32"/>, with z edited as it is stored by the table of so many edits
    /// (<see cref="HeadEdit.Table"/>).
    /// </summary>
    public static void ForwardTf32Edited<TCores, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<int> table, int edits,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => Forward<TCores, Tf32Number, THead, Edited>(
            qkv, lengths, z, logSumExp, table, edits, T, H, D, scale, aligned);

    /// <summary>The same with BF16 operands.</summary>
    public static void ForwardBf16Edited<TCores, THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<int> table, int edits,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => Forward<TCores, Bf16Number, THead, Edited>(
            qkv, lengths, z, logSumExp, table, edits, T, H, D, scale, aligned);

    static void Forward<TCores, TNumber, THead, TEditing>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<int> table, int edits,
        int T, int H, int D, float scale, int aligned)
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
        where THead : struct, IHeadChunks
        where TEditing : struct, IEditing
    {
        // Words of a tile: q, k, v transposed; or both halves of q, then halves of k and v transposed.
        int size = Side * Side / TNumber.PerWord;
        ArrayView<float> shared = SharedMemory.Allocate<float>(3 * Side * Side / TNumber.PerWord);
        int origin = TCores.Origin(shared);
        var tile = HeadTile.OfQueries(lengths, T, H, Side);
        int C = H * D, q0 = tile.First, length = tile.Length, column = tile.Head * D;
        var kRows = new HeadRows(qkv, tile, 3 * C, C + column, D, aligned);
        var vRows = new HeadRows(qkv, tile, 3 * C, 2 * C + column, D, aligned);
        int keys = q0 < length ? IntrinsicMath.Min(length, q0 + Side) : 0;
        var qRows = new HeadRows(qkv, tile, 3 * C, column, D, aligned);
        Load<TCores, TNumber>(qRows, shared, 0, q0, length);
        if (THead.Two)
            Load<TCores, TNumber>(qRows.Upper, shared, size, q0, length);

        int i = q0 + Line;
        float max = float.NegativeInfinity, maxBelow = float.NegativeInfinity; // of queries i and i + 8
        float sum = 0f, sumBelow = 0f;                                        // over this lane's keys
        Accumulator16x64 mix = default, mixUpper = default;
        for (int k0 = 0; k0 < keys; k0 += Side)
        {
            Load<TCores, TNumber>(kRows, shared, THead.Two ? 2 * size : size, k0, keys);
            if (!THead.Two)
                LoadTransposed<TCores, TNumber>(vRows, shared, 2 * size, k0, keys);
            Group.Barrier(); // all tiles are complete
            Accumulator16x64 s = Scores<TCores, TNumber>(
                shared, origin, 0, THead.Two ? 2 * size : size, THead.Two ? Side : D, default);
            if (THead.Two)
            {
                Group.Barrier(); // everyone is done with the lower half of the keys
                Load<TCores, TNumber>(kRows.Upper, shared, 2 * size, k0, keys);
                Group.Barrier(); // the upper half is complete
                s = Scores<TCores, TNumber>(shared, origin, size, 2 * size, D - Side, s);
                Group.Barrier(); // everyone is done with the keys
                LoadTransposed<TCores, TNumber>(vRows, shared, 2 * size, k0, keys);
            }
            s = s.UpToQuery(scale, i, k0 + Column);

            float m = MathF.Max(max, OfFour(s.Largest)), mBelow = MathF.Max(maxBelow, OfFour(s.LargestBelow));
            // 0 at the first tile
            float shrink = DeviceMath.Exp(max - m), shrinkBelow = DeviceMath.Exp(maxBelow - mBelow);
            (max, maxBelow) = (m, mBelow);
            s = s.Exponentials(m, mBelow);
            sum = sum * shrink + s.Sum;
            sumBelow = sumBelow * shrinkBelow + s.SumBelow;
            if (THead.Two)
                Group.Barrier(); // the lower half of the values is complete
            mix = Mix<TCores, TNumber>(s, shared, origin, 2 * size, mix.Scaled(shrink, shrinkBelow));
            Group.Barrier(); // everyone is done with the tiles before the next ones come
            if (THead.Two)
            {
                LoadTransposed<TCores, TNumber>(vRows.Upper, shared, 2 * size, k0, keys);
                Group.Barrier(); // the upper half is complete
                mixUpper = Mix<TCores, TNumber>(
                    s, shared, origin, 2 * size, mixUpper.Scaled(shrink, shrinkBelow));
                Group.Barrier(); // and free again
            }
        }

        sum += Warp.ShuffleXor(sum, 1);
        sum += Warp.ShuffleXor(sum, 2);
        sumBelow += Warp.ShuffleXor(sumBelow, 1);
        sumBelow += Warp.ShuffleXor(sumBelow, 2);
        mix = mix.Scaled(1f / sum, 1f / sumBelow);
        mixUpper = mixUpper.Scaled(1f / sum, 1f / sumBelow);
        if (TEditing.Any)
        {
            var edit = new HeadEdits(table, edits, lengths.IntLength * T, tile, D);
            mix = edit.Apply(mix, i, Column);
            if (THead.Two)
                mixUpper = edit.Apply(mixUpper, i, Side + Column);
        }
        var zRows = new HeadRows(z, tile, C, column, D, aligned);
        mix.Store(zRows, q0, length, T);
        if (THead.Two)
            mixUpper.Store(zRows.Upper, q0, length, T);
        if (Column == 0 && i < T)
            logSumExp[tile.Statistics + Line] = i < length ? max + DeviceMath.Log(sum) : 0f;
        if (Column == 0 && i + 8 < T)
            logSumExp[tile.Statistics + Line + 8] = i + 8 < length ? maxBelow + DeviceMath.Log(sumBelow) : 0f;
    }

    // A query's scores are in four neighbouring lanes.
    static float OfFour(float largest)
    {
        largest = MathF.Max(largest, Warp.ShuffleXor(largest, 1));
        return MathF.Max(largest, Warp.ShuffleXor(largest, 2));
    }
}
