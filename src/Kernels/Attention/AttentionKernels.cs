// Causal self-attention, one group per (row of the batch, head, tile of queries), online softmax.
//
//     s[i,j] = scale * <q[i], k[j]>      for j <= i and j < length, else -infinity
//     z[i]   = sum_j exp(s[i,j] - m[i]) v[j] / l[i]
//     m[i]   = max_j s[i,j]     l[i] = sum_j exp(s[i,j] - m[i])     logSumExp[i] = m[i] + log l[i]
//
//   qkv         [B*T, 3C]   q | k | v of a token, each [H, D], C = H*D
//   lengths     [B]         real tokens of each row of the batch; what follows them is never read
//   z           [B*T, C]    zeros in padding rows
//   logSumExp   [B, H, T]   zeros in padding rows; all that the backward pass keeps
//   aligned     1 when D is a multiple of 4 and the tensors begin at multiples of 16 bytes: four floats then
//               move at once
//
// Keys come in tiles; a tile with a larger score rescales the sums of the tiles before it by exp(m_old -
// m_new), so no row of scores is ever held (Milakov and Gimelshein, 2018; Dao et al., 2022). Tiles and their
// products are AttentionSharedTiles; wide heads take two chunks of 64 columns.
//
// Host body: AttentionHost.cs.   Oracle: tests/Reference/AttentionReference.cs.

using ILGPU;
using static HeadTap.Kernels.AttentionSharedTiles;

namespace HeadTap.Kernels;

/// <summary>Causal self-attention without a matrix of scores.</summary>
public static class AttentionKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = AttentionSharedTiles.BlockSize;

    /// <summary>Queries of one group.</summary>
    public const int QueryTile = Rows;

    /// <summary>
    /// The widest head of <see cref="Forward"/>; wider ones take <see cref="ForwardWide"/>.
    /// </summary>
    public const int NarrowHead = Columns;

    /// <summary>The widest head: what shared memory of 32 KiB holds.</summary>
    public const int MaxHeadSize = 2 * Columns;

    /// <summary>
    /// Writes z and logSumExp. Grid: B*H*ceil(T/QueryTile). Group: <see cref="BlockSize"/>.
    /// </summary>
    public static void Forward(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp,
        int T, int H, int D, float scale, int aligned)
        => Forward<OneChunk, Unedited>(qkv, lengths, z, logSumExp, lengths, 0, T, H, D, scale, aligned);

    /// <summary>The same for heads of 65 to <see cref="MaxHeadSize"/>.</summary>
    public static void ForwardWide(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp,
        int T, int H, int D, float scale, int aligned)
        => Forward<TwoChunks, Unedited>(qkv, lengths, z, logSumExp, lengths, 0, T, H, D, scale, aligned);

    /// <summary>
    /// <see cref="Forward"/>, with z edited as it is stored by the table of so many edits
    /// (<see cref="HeadEdit.Table"/>).
    /// </summary>
    public static void ForwardEdited(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<int> table, int edits,
        int T, int H, int D, float scale, int aligned)
        => Forward<OneChunk, Edited>(qkv, lengths, z, logSumExp, table, edits, T, H, D, scale, aligned);

    /// <summary>The same for heads of 65 to <see cref="MaxHeadSize"/>.</summary>
    public static void ForwardWideEdited(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<int> table, int edits,
        int T, int H, int D, float scale, int aligned)
        => Forward<TwoChunks, Edited>(qkv, lengths, z, logSumExp, table, edits, T, H, D, scale, aligned);

    static void Forward<THead, TEditing>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<int> table, int edits,
        int T, int H, int D, float scale, int aligned)
        where THead : struct, IHeadChunks
        where TEditing : struct, IEditing
    {
        ArrayView<float> q = SharedMemory.Allocate<float>(Floats);
        ArrayView<float> qHigh = SharedMemory.Allocate<float>(THead.Two ? Floats : 4);
        ArrayView<float> kv = SharedMemory.Allocate<float>(Floats);
        ArrayView<float> weights = SharedMemory.Allocate<float>(Weights);
        ArrayView<Float4> largest = SharedMemory.Allocate<Float4>(BlockSize);

        var tile = HeadTile.OfQueries(lengths, T, H, Rows);
        int C = H * D, q0 = tile.First, length = tile.Length, column = tile.Head * D;
        var qRows = new HeadRows(qkv, tile, 3 * C, column, D, aligned);
        var kRows = new HeadRows(qkv, tile, 3 * C, C + column, D, aligned);
        var vRows = new HeadRows(qkv, tile, 3 * C, 2 * C + column, D, aligned);
        int keys = q0 < length ? IntrinsicMath.Min(length, q0 + Rows) : 0;
        Load(qRows, q, q0, length, 0);
        if (THead.Two)
            Load(qRows, qHigh, q0, length, 1);

        int tx = Tx, ty = Ty;
        Float4 max = Float4.All(float.NegativeInfinity); // of this thread's four queries
        Float4 sum = default;                          // over this thread's keys only
        OutputBlock mix = default, mixHigh = default;
        for (int k0 = 0; k0 < keys; k0 += Rows)
        {
            Load(kRows, kv, k0, keys, 0);
            Group.Barrier(); // q and the keys are complete
            ScoreBlock s = Scores(q, kv, D, 0, default);
            if (THead.Two)
            {
                Group.Barrier(); // everyone is done with the lower half of the keys
                Load(kRows, kv, k0, keys, 1);
                Group.Barrier(); // the upper half is complete
                s = Scores(qHigh, kv, D, 1, s);
            }
            s = UpToQuery(s, scale, q0 + 4 * ty, k0 + 4 * tx);
            largest[8 * tx + ty] = new Float4(s.R0.Largest, s.R1.Largest, s.R2.Largest, s.R3.Largest);
            Group.Barrier(); // all maxima are there, keys are no longer needed

            Float4 m = max;
            for (int n = 0; n < 8; n++)
                m = Float4.Max(m, largest[8 * n + ty]);
            Float4 shrink = Float4.Exp(max - m); // 0 at the first tile
            max = m;
            s = Exponentials(s, m);
            sum = sum * shrink + new Float4(s.R0.Sum, s.R1.Sum, s.R2.Sum, s.R3.Sum);
            StoreWeights(weights, s);
            Load(vRows, kv, k0, keys, 0);
            Group.Barrier(); // values and weights are complete
            mix = Mix(weights, kv, keys - k0, ScaleRows(mix, shrink));
            Group.Barrier(); // everyone is done with the values before others come
            if (THead.Two)
            {
                Load(vRows, kv, k0, keys, 1);
                Group.Barrier(); // the upper half is complete
                mixHigh = Mix(weights, kv, keys - k0, ScaleRows(mixHigh, shrink));
                Group.Barrier(); // and free again
            }
        }

        largest[8 * tx + ty] = sum;
        Group.Barrier(); // all parts of the sums are there
        sum = default;
        for (int n = 0; n < 8; n++)
            sum += largest[8 * n + ty];
        Float4 share = new(1f / sum.X, 1f / sum.Y, 1f / sum.Z, 1f / sum.W);
        var zRows = new HeadRows(z, tile, C, column, D, aligned);
        mix = ScaleRows(mix, share);
        mixHigh = ScaleRows(mixHigh, share);
        if (TEditing.Any)
        {
            var edit = new HeadEdits(table, edits, lengths.IntLength * T, tile, D);
            mix = edit.Apply(mix, q0 + 4 * ty, 4 * tx);
            if (THead.Two)
                mixHigh = edit.Apply(mixHigh, q0 + 4 * ty, Columns + 4 * tx);
        }
        Store(mix, zRows, q0, length, T, 0);
        if (THead.Two)
            Store(mixHigh, zRows, q0, length, T, 1);
        for (int r = 4 * ty; r < 4 * ty + 4; r++)
            if (tx == 0 && q0 + r < T)
                logSumExp[tile.Statistics + r] =
                    q0 + r < length ? max.At(r & 3) + DeviceMath.Log(sum.At(r & 3)) : 0f;
    }
}
