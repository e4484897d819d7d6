// Gradients of causal self-attention; p is computed again from q, k and logSumExp.
//
//     p[i,j]  = exp(scale * <q[i], k[j]> - logSumExp[i])
//     dP[i,j] = <dZ[i], v[j]>
//     dS[i,j] = p[i,j] * (dP[i,j] - rowDot[i])      rowDot[i] = <dZ[i], z[i]>, which is <p, dP> of the row
//     dQ[i]   = scale * sum_j dS[i,j] k[j]
//     dK[j]   = scale * sum_i dS[i,j] q[i]
//     dV[j]   = sum_i p[i,j] dZ[i]
//
//   shapes as in AttentionKernels;   dZ [B*T, C];   rowDot [B, H, T];   dQkv [B*T, 3C], zeros in padding rows
//
// Two kernels, each owning what it writes: Queries runs one group per tile of queries and walks the keys,
// KeysAndValues one group per tile of keys and walks the queries. No atomics, so sums have a fixed order.
//
// Host body: AttentionBackwardHost.cs.   Oracle: tests/Reference/AttentionReference.cs.

using ILGPU;
using static HeadTap.Kernels.AttentionSharedTiles;

namespace HeadTap.Kernels;

/// <summary>Gradients of <see cref="AttentionKernels"/>.</summary>
public static class AttentionBackwardKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = AttentionSharedTiles.BlockSize;

    /// <summary>Rows whose gradients one group writes.</summary>
    public const int OwnedTile = Rows;

    /// <summary>Writes rowDot. One thread per (row, head); zeros in padding rows.</summary>
    public static void RowDots(
        ArrayView<int> lengths, ArrayView<float> z, ArrayView<float> dZ, ArrayView<float> rowDot,
        int T, int H, int D, int aligned)
    {
        for (long index = ElementLoop.First; index < rowDot.Length; index += ElementLoop.Step)
        {
            int row = (int)(index / H), head = (int)(index - (long)row * H);
            int b = row / T, t = row - b * T;
            float dot = 0f;
            if (t < lengths[b])
                for (int d = 0; d < D; d += 4)
                {
                    long at = index * D + d;
                    dot += (Read(z, at, D - d, aligned) * Read(dZ, at, D - d, aligned)).Sum;
                }
            rowDot[((long)b * H + head) * T + t] = dot;
        }
    }

    /// <summary>
    /// Writes the q part of dQkv. Grid: B*H*ceil(T/OwnedTile). Group: <see cref="BlockSize"/>.
    /// </summary>
    public static void Queries(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        => Queries<OneChunk>(qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    /// <summary>The same for heads of more than 64.</summary>
    public static void QueriesWide(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        => Queries<TwoChunks>(qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    /// <summary>Writes the k and v parts of dQkv. Grid and group as <see cref="Queries"/>.</summary>
    public static void KeysAndValues(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        => KeysAndValues<OneChunk>(qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    /// <summary>The same for heads of more than 64.</summary>
    public static void KeysAndValuesWide(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        => KeysAndValues<TwoChunks>(qkv, lengths, logSumExp, rowDot, dZ, dQkv, T, H, D, scale, aligned);

    static void Queries<THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where THead : struct, IHeadChunks
    {
        ArrayView<float> q = SharedMemory.Allocate<float>(Floats);
        ArrayView<float> dz = SharedMemory.Allocate<float>(Floats);
        ArrayView<float> kv = SharedMemory.Allocate<float>(Floats);
        ArrayView<float> weights = SharedMemory.Allocate<float>(Weights);
        var tile = HeadTile.OfQueries(lengths, T, H, Rows);
        int C = H * D, q0 = tile.First, length = tile.Length, column = tile.Head * D;
        var qRows = new HeadRows(qkv, tile, 3 * C, column, D, aligned);
        var kRows = new HeadRows(qkv, tile, 3 * C, C + column, D, aligned);
        var vRows = new HeadRows(qkv, tile, 3 * C, 2 * C + column, D, aligned);
        var dzRows = new HeadRows(dZ, tile, C, column, D, aligned);
        int keys = q0 < length ? IntrinsicMath.Min(length, q0 + Rows) : 0;
        int i = q0 + 4 * Ty, j = 4 * Tx;
        long statistics = tile.Statistics + 4 * Ty;
        Float4 lse = Statistics(logSumExp, statistics, length - i, float.PositiveInfinity);
        Float4 dot = Statistics(rowDot, statistics, length - i, 0f);
        if (!THead.Two)
        {
            Load(qRows, q, q0, length, 0);
            Load(dzRows, dz, q0, length, 0);
        }

        OutputBlock dQ = default, dQHigh = default;
        for (int k0 = 0; k0 < keys; k0 += Rows)
        {
            ScoreBlock dP = Products<THead>(dzRows, dz, q0, length, vRows, kv, k0, keys);
            Group.Barrier(); // everyone is done with the values
            ScoreBlock s = Products<THead>(qRows, q, q0, length, kRows, kv, k0, keys);
            s = Exponentials(UpToQuery(s, scale, i, k0 + j), lse);
            s.R0 *= dP.R0 - Float4.All(dot.X);
            s.R1 *= dP.R1 - Float4.All(dot.Y);
            s.R2 *= dP.R2 - Float4.All(dot.Z);
            s.R3 *= dP.R3 - Float4.All(dot.W);
            StoreWeights(weights, s);
            Group.Barrier(); // dS is complete; the keys are still there
            if (THead.Two)
            {
                dQHigh = Mix(weights, kv, keys - k0, dQHigh);
                Group.Barrier(); // everyone is done with the upper half
                Load(kRows, kv, k0, keys, 0);
                Group.Barrier(); // the lower half is complete
            }
            dQ = Mix(weights, kv, keys - k0, dQ);
            Group.Barrier(); // everyone is done with the keys and dS before the next tile comes
        }
        var dqRows = new HeadRows(dQkv, tile, 3 * C, column, D, aligned);
        Store(ScaleRows(dQ, Float4.All(scale)), dqRows, q0, length, T, 0);
        if (THead.Two)
            Store(ScaleRows(dQHigh, Float4.All(scale)), dqRows, q0, length, T, 1);
    }

    static void KeysAndValues<THead>(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> logSumExp, ArrayView<float> rowDot, ArrayView<float> dZ, ArrayView<float> dQkv,
        int T, int H, int D, float scale, int aligned)
        where THead : struct, IHeadChunks
    {
        ArrayView<float> k = SharedMemory.Allocate<float>(Floats);
        ArrayView<float> v = SharedMemory.Allocate<float>(Floats);
        ArrayView<float> passing = SharedMemory.Allocate<float>(Floats); // queries or dZ
        ArrayView<float> weights = SharedMemory.Allocate<float>(Weights);
        var tile = HeadTile.OfKeys(lengths, T, H, Rows);
        int C = H * D, k0 = tile.First, length = tile.Length, column = tile.Head * D;
        var qRows = new HeadRows(qkv, tile, 3 * C, column, D, aligned);
        var kRows = new HeadRows(qkv, tile, 3 * C, C + column, D, aligned);
        var vRows = new HeadRows(qkv, tile, 3 * C, 2 * C + column, D, aligned);
        var dzRows = new HeadRows(dZ, tile, C, column, D, aligned);
        int i = 4 * Tx, j = k0 + 4 * Ty;
        if (!THead.Two)
        {
            Load(kRows, k, k0, length, 0);
            Load(vRows, v, k0, length, 0);
        }

        OutputBlock dK = default, dKHigh = default, dV = default, dVHigh = default;
        for (int q0 = k0; q0 < length; q0 += Rows)
        {
            long statistics = tile.Statistics + q0 - k0 + i;
            Float4 lse = Statistics(logSumExp, statistics, length - q0 - i, float.PositiveInfinity);
            Float4 dot = Statistics(rowDot, statistics, length - q0 - i, 0f);
            ScoreBlock p = Products<THead>(kRows, k, k0, length, qRows, passing, q0, length);
            Group.Barrier(); // everyone is done with the queries
            p = FromKey(p, scale, j, q0 + i);
            p.R0 = Float4.Exp(p.R0 - lse);
            p.R1 = Float4.Exp(p.R1 - lse);
            p.R2 = Float4.Exp(p.R2 - lse);
            p.R3 = Float4.Exp(p.R3 - lse);
            StoreWeights(weights, p);
            ScoreBlock dS = Products<THead>(vRows, v, k0, length, dzRows, passing, q0, length);
            dS.R0 = p.R0 * (dS.R0 - dot);
            dS.R1 = p.R1 * (dS.R1 - dot);
            dS.R2 = p.R2 * (dS.R2 - dot);
            dS.R3 = p.R3 * (dS.R3 - dot);
            if (THead.Two)
            {
                dVHigh = Mix(weights, passing, length - q0, dVHigh); // p is there since Products' barriers
                Group.Barrier(); // everyone is done with the upper half
                Load(dzRows, passing, q0, length, 0);
                Group.Barrier(); // the lower half is complete
            }
            dV = Mix(weights, passing, length - q0, dV);
            Group.Barrier(); // everyone is done with dZ and p
            StoreWeights(weights, dS);
            Load(qRows, passing, q0, length, 0);
            Group.Barrier(); // dS and the queries are complete
            dK = Mix(weights, passing, length - q0, dK);
            Group.Barrier(); // everyone is done with the queries
            if (THead.Two)
            {
                Load(qRows, passing, q0, length, 1);
                Group.Barrier(); // the upper half is complete
                dKHigh = Mix(weights, passing, length - q0, dKHigh);
                Group.Barrier(); // and free again
            }
        }
        var dkRows = new HeadRows(dQkv, tile, 3 * C, C + column, D, aligned);
        var dvRows = new HeadRows(dQkv, tile, 3 * C, 2 * C + column, D, aligned);
        Store(ScaleRows(dK, Float4.All(scale)), dkRows, k0, length, T, 0);
        Store(dV, dvRows, k0, length, T, 0);
        if (THead.Two)
        {
            Store(ScaleRows(dKHigh, Float4.All(scale)), dkRows, k0, length, T, 1);
            Store(dVHigh, dvRows, k0, length, T, 1);
        }
    }

    // Products of all columns. A narrow head's own tile is in shared memory already; a wide head's comes half
    // by half, and afterwards the upper halves are there.
    static ScoreBlock Products<THead>(
        HeadRows ownRows, ArrayView<float> own, int ownFirst, int ownEnd,
        HeadRows passingRows, ArrayView<float> passing, int first, int end)
        where THead : struct, IHeadChunks
    {
        if (THead.Two)
            Load(ownRows, own, ownFirst, ownEnd, 0);
        Load(passingRows, passing, first, end, 0);
        Group.Barrier(); // both tiles are complete
        ScoreBlock s = Scores(own, passing, ownRows.D, 0, default);
        if (THead.Two)
        {
            Group.Barrier(); // everyone is done with the lower halves
            Load(ownRows, own, ownFirst, ownEnd, 1);
            Load(passingRows, passing, first, end, 1);
            Group.Barrier(); // the upper halves are complete
            s = Scores(own, passing, ownRows.D, 1, s);
        }
        return s;
    }

    static Float4 Statistics(ArrayView<float> of, long at, int count, float beyond) => new(
        count > 0 ? of[at] : beyond, count > 1 ? of[at + 1] : beyond,
        count > 2 ? of[at + 2] : beyond, count > 3 ? of[at + 3] : beyond);
}
