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
//
// Keys pass by in tiles; a tile with a larger score rescales what has been summed before it by
// exp(m_old - m_new), so no row of scores is ever held (Milakov and Gimelshein, 2018; Dao et al., 2022).
//
// Host body: AttentionHost.cs.   Oracle: tests/Reference/AttentionReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Causal self-attention without a matrix of scores.</summary>
public static class AttentionKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = 128;

    /// <summary>Queries of one group.</summary>
    public const int QueryTile = 16;

    /// <summary>The widest head: what shared memory of 32 KiB holds.</summary>
    public const int MaxHeadSize = 128;

    internal const int KeyTile = 32;

    // One more than the widest row: threads that read one column of 32 rows then meet 32 banks.
    internal const int Stride = MaxHeadSize + 1;

    const int ScoreStride = KeyTile + 1;
    const int OutputsPerThread = QueryTile * MaxHeadSize / BlockSize;

    /// <summary>Writes z and logSumExp. Grid: B*H*ceil(T/QueryTile). Group: <see cref="BlockSize"/>.</summary>
    public static void Forward(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> z, ArrayView<float> logSumExp,
        int T, int H, int D, float scale)
    {
        ArrayView<float> q = SharedMemory.Allocate<float>(QueryTile * Stride);
        ArrayView<float> kv = SharedMemory.Allocate<float>(KeyTile * Stride);
        ArrayView<float> p = SharedMemory.Allocate<float>(QueryTile * ScoreStride);
        ArrayView<float> max = SharedMemory.Allocate<float>(QueryTile);
        ArrayView<float> sum = SharedMemory.Allocate<float>(QueryTile);
        ArrayView<float> shrink = SharedMemory.Allocate<float>(QueryTile);
        ArrayView<float> mix = LocalMemory.Allocate<float>(OutputsPerThread);

        int thread = Group.IdxX;
        int tiles = (T + QueryTile - 1) / QueryTile;
        int q0 = Grid.IdxX % tiles * QueryTile;
        int head = Grid.IdxX / tiles % H;
        int b = Grid.IdxX / tiles / H;
        int length = IntrinsicMath.Clamp(lengths[b], 0, T);
        int C = H * D;
        long rows = (long)b * T;
        int keys = q0 < length ? IntrinsicMath.Min(length, q0 + QueryTile) : 0;

        LoadTile(qkv, q, rows, q0, length, 3 * C, head * D, D, QueryTile);
        if (thread < QueryTile)
        {
            max[thread] = float.NegativeInfinity;
            sum[thread] = 0f;
        }
        for (int n = 0; n < OutputsPerThread; n++)
            mix[n] = 0f;

        for (int k0 = 0; k0 < keys; k0 += KeyTile)
        {
            LoadTile(qkv, kv, rows, k0, keys, 3 * C, C + head * D, D, KeyTile);
            Group.Barrier(); // q and the keys are complete
            int j = thread % KeyTile;
            for (int i = thread / KeyTile; i < QueryTile; i += BlockSize / KeyTile)
            {
                float dot = 0f;
                for (int d = 0; d < D; d++)
                    dot += q[i * Stride + d] * kv[j * Stride + d];
                p[i * ScoreStride + j] = k0 + j <= q0 + i && k0 + j < keys ? dot * scale : float.NegativeInfinity;
            }
            Group.Barrier(); // scores are complete, keys are no longer needed

            LoadTile(qkv, kv, rows, k0, keys, 3 * C, 2 * C + head * D, D, KeyTile);
            if (thread < QueryTile)
            {
                float m = max[thread];
                for (int n = 0; n < KeyTile; n++)
                    m = MathF.Max(m, p[thread * ScoreStride + n]);
                shrink[thread] = MathF.Exp(max[thread] - m); // 0 at the first tile
                max[thread] = m;
            }
            Group.Barrier(); // values and the new maxima are complete
            for (int e = thread; e < QueryTile * KeyTile; e += BlockSize)
            {
                int at = e / KeyTile * ScoreStride + e % KeyTile;
                p[at] = MathF.Exp(p[at] - max[e / KeyTile]);
            }
            Group.Barrier(); // p is complete
            if (thread < QueryTile)
            {
                float l = sum[thread] * shrink[thread];
                for (int n = 0; n < KeyTile; n++)
                    l += p[thread * ScoreStride + n];
                sum[thread] = l;
            }
            for (int n = 0; n < OutputsPerThread; n++)
            {
                int e = thread + n * BlockSize;
                if (e < QueryTile * D)
                {
                    int i = e / D;
                    float value = mix[n] * shrink[i];
                    // Not beyond the row's own keys: 0 * NaN from a later token would reach this one.
                    int end = IntrinsicMath.Min(IntrinsicMath.Min(KeyTile, keys - k0), q0 + i - k0 + 1);
                    for (int key = 0; key < end; key++)
                        value += p[i * ScoreStride + key] * kv[key * Stride + e - i * D];
                    mix[n] = value;
                }
            }
            Group.Barrier(); // everyone is done with p and the values before the next tile comes
        }

        for (int n = 0; n < OutputsPerThread; n++)
        {
            int e = thread + n * BlockSize;
            int i = e / D;
            if (e < QueryTile * D && q0 + i < T)
                z[(rows + q0 + i) * C + head * D + e - i * D] = q0 + i < length ? mix[n] / sum[i] : 0f;
        }
        if (thread < QueryTile && q0 + thread < T)
            logSumExp[((long)b * H + head) * T + q0 + thread] =
                q0 + thread < length ? max[thread] + MathF.Log(sum[thread]) : 0f;
    }

    /// <summary>Copies rows [first, first + count) of one head into shared memory, zeros from row end on.</summary>
    internal static void LoadTile(
        ArrayView<float> from, ArrayView<float> tile,
        long rows, int first, int end, int rowStride, int column, int D, int count)
    {
        for (int e = Group.IdxX; e < count * D; e += Group.DimX)
        {
            int i = e / D;
            tile[i * Stride + e - i * D] =
                first + i < end ? from[(rows + first + i) * rowStride + column + e - i * D] : 0f;
        }
    }
}
