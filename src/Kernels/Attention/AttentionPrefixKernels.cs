// Attention of many single tokens over the beginning of one run: each row sees the run's first tokens, and
// itself after them. One group per (row, head), online softmax.
//
//     s[j] = scale * <q, k[j]>    for j < lengths[n] in the run;    s[own] = scale * <q, k of the row>
//     z    = sum_j p[j] v[j]      p = softmax(s)                    logSumExp = log sum_j exp(s[j])
//
//     dP[j] = <dz, v[j]>    dS[j] = p[j] (dP[j] - <dz, z>)
//     dq = scale sum_j dS[j] k[j]    dk = scale dS[own] q    dv = p[own] dz        the run is constant
//
//   qkv, dQkv      [N, 3C]            q | k | v of a row, each [H, D], C = H*D
//   lengths        [N]                tokens of the run that a row sees; above capacity counts as capacity
//   keys, values   [H, capacity, D]   of the run
//   z, dZ          [N, C]
//   logSumExp      [N, H]             all that the backward pass keeps
//
// Keys are read in chunks, one key per thread. The row's own token comes first: it is the state that the
// chunks are added to, so no row is without a key. z = sum_j p[j] v[j] makes sum_j p[j] dP[j] = <dz, z> (Dao
// et al., 2022), so backward needs one pass over the keys too.
//
// Host body: AttentionPrefixHost.cs.   Oracle: tests/Reference/AttentionPrefixReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Attention of single tokens over the beginning of a run that they share.</summary>
public static class AttentionPrefixKernels
{
    /// <summary>
    /// Threads per group, and keys of a chunk; a power of two, because the tree sum halves it.
    /// </summary>
    public const int BlockSize = 128;

    /// <summary>Writes z and logSumExp. Grid: N*H. Group: <see cref="BlockSize"/>.</summary>
    /// <param name="qkv">[N, 3C]</param>
    /// <param name="lengths">[N]</param>
    /// <param name="keys">[H, capacity, D]</param>
    /// <param name="values">[H, capacity, D]</param>
    /// <param name="z">[N, C]</param>
    /// <param name="logSumExp">[N, H]</param>
    /// <param name="H">Heads.</param>
    /// <param name="D">Size of a head, at most <see cref="BlockSize"/>.</param>
    /// <param name="capacity">Tokens of the run.</param>
    /// <param name="scale">The factor of the scores: 1/sqrt(D), or 1.</param>
    /// <param name="aligned">1 when rows of heads may be read in quads, as in
    /// <see cref="AttentionKernels"/>.</param>
    public static void Forward(
        ArrayView<float> qkv, ArrayView<int> lengths, ArrayView<float> keys, ArrayView<float> values,
        ArrayView<float> z, ArrayView<float> logSumExp, int H, int D, int capacity, float scale, int aligned)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        ArrayView<float> p = SharedMemory.Allocate<float>(BlockSize);
        int row = Grid.IdxX, thread = Group.IdxX, C = H * D;
        int shares = BlockSize / D, share = thread / D, d = thread - share * D;
        long q = (long)(row / H) * 3 * C + row % H * D, run = (long)(row % H) * capacity * D;
        int length = IntrinsicMath.Min(lengths[row / H], capacity);

        float max = scale * AttentionCacheKernels.Dot(qkv, q, qkv, q + C, D, aligned);
        float sum = 1f;
        float value = share == 0 ? qkv[q + 2 * C + d] : 0f;
        for (int first = 0; first < length; first += BlockSize)
        {
            int count = IntrinsicMath.Min(length - first, BlockSize);
            long chunk = run + (long)first * D;
            float s = float.NegativeInfinity;
            if (thread < count)
                s = scale * AttentionCacheKernels.Dot(qkv, q, keys, chunk + (long)thread * D, D, aligned);
            float m = MathF.Max(max, GroupReduce.Max(s, scratch));
            float weight = thread < count ? DeviceMath.Exp(s - m) : 0f;
            p[thread] = weight;
            float shrink = DeviceMath.Exp(max - m);
            sum = sum * shrink + GroupReduce.Sum(weight, scratch); // its barriers complete p too
            value *= shrink;
            if (share < shares)
                value += AttentionCacheKernels.Mix(p, values, chunk + d, share, shares, count, D);
            max = m;
            Group.Barrier(); // everyone is done with p before the next chunk's comes
        }

        scratch[thread] = value;
        Group.Barrier(); // all shares are there
        if (thread < D)
        {
            for (int n = 1; n < shares; n++)
                value += scratch[n * D + thread];
            z[(long)row * D + thread] = value / sum;
        }
        if (thread == 0)
            logSumExp[row] = max + DeviceMath.Log(sum);
    }

    /// <summary>Writes dQkv. Grid: N*H. Group: <see cref="BlockSize"/>.</summary>
    /// <param name="qkv">[N, 3C], the forward pass' input, as the next three.</param>
    /// <param name="lengths">[N]</param>
    /// <param name="keys">[H, capacity, D]</param>
    /// <param name="values">[H, capacity, D]</param>
    /// <param name="z">[N, C], the forward pass' output, as the next.</param>
    /// <param name="logSumExp">[N, H]</param>
    /// <param name="dZ">[N, C]</param>
    /// <param name="dQkv">[N, 3C]</param>
    /// <param name="H">Heads.</param>
    /// <param name="D">Size of a head, at most <see cref="BlockSize"/>.</param>
    /// <param name="capacity">Tokens of the run.</param>
    /// <param name="scale">The factor of the scores: 1/sqrt(D), or 1.</param>
    /// <param name="aligned">As in <see cref="Forward"/>.</param>
    public static void Backward(
        ArrayView<float> qkv, ArrayView<int> lengths, ArrayView<float> keys, ArrayView<float> values,
        ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<float> dZ, ArrayView<float> dQkv,
        int H, int D, int capacity, float scale, int aligned)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        ArrayView<float> dS = SharedMemory.Allocate<float>(BlockSize);
        int row = Grid.IdxX, thread = Group.IdxX, C = H * D;
        int shares = BlockSize / D, share = thread / D, d = thread - share * D;
        long q = (long)(row / H) * 3 * C + row % H * D, run = (long)(row % H) * capacity * D;
        long dz = (long)row * D;
        int length = IntrinsicMath.Min(lengths[row / H], capacity);
        float total = logSumExp[row];

        // Summed in the order of dP: where a row sees one token alone, the two cancel to the bit.
        float dot = AttentionCacheKernels.Dot(dZ, dz, z, dz, D, aligned);
        float s = scale * AttentionCacheKernels.Dot(qkv, q, qkv, q + C, D, aligned);
        float own = DeviceMath.Exp(s - total);
        float dOwn = own * (AttentionCacheKernels.Dot(dZ, dz, qkv, q + 2 * C, D, aligned) - dot);
        float dq = share == 0 ? dOwn * qkv[q + C + d] : 0f;
        for (int first = 0; first < length; first += BlockSize)
        {
            int count = IntrinsicMath.Min(length - first, BlockSize);
            long chunk = run + (long)first * D, key = chunk + (long)thread * D;
            float weight = 0f;
            if (thread < count)
            {
                s = scale * AttentionCacheKernels.Dot(qkv, q, keys, key, D, aligned);
                weight = DeviceMath.Exp(s - total)
                    * (AttentionCacheKernels.Dot(dZ, dz, values, key, D, aligned) - dot);
            }
            dS[thread] = weight;
            Group.Barrier(); // the chunk's are there
            if (share < shares)
                dq += AttentionCacheKernels.Mix(dS, keys, chunk + d, share, shares, count, D);
            Group.Barrier(); // everyone is done with them
        }

        scratch[thread] = dq;
        Group.Barrier(); // all shares are there
        if (thread < D)
        {
            for (int n = 1; n < shares; n++)
                dq += scratch[n * D + thread];
            dQkv[q + thread] = scale * dq;
            dQkv[q + C + thread] = scale * dOwn * qkv[q + thread];
            dQkv[q + 2 * C + thread] = own * dZ[dz + thread];
        }
    }
}
