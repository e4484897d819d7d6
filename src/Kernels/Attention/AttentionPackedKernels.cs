// Attention of packed tokens over cache rows that each token names: tokens of many texts in one pass, whole
// beginnings and single ends side by side. One group per (token, head), online softmax.
//
//     kCache[rows[n], h, positions[n], :] = k[n, h, :]    the same for v                               Write
//     z[n, h, :] = sum_{j <= positions[n]} softmax_j(scale * <q[n, h], kCache[rows[n], h, j]>)
//                  vCache[rows[n], h, j, :]                                                          Forward
//
//   qkv              [N, 3C]               q | k | v of a token, each [H, D], C = H*D
//   rows             [N]                   each token's row of the caches
//   positions        [N]                   its place there
//   kCache, vCache   [S, H, capacity, D]
//   z                [N, C]
//
// A token with a negative position is none: nothing is stored for it, its z is zero. The same goes for one
// whose row or position lies beyond the caches; the host path refuses those.
//
// A group takes its keys in chunks, one key per thread, and adds the chunks in order. So a token's bits
// depend on its own query and keys alone: not on N, on tokens beside it or on the capacity.
//
// Host body: AttentionPackedHost.cs.   Oracle: tests/Reference/AttentionPackedReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Packed tokens over cache rows of their own.</summary>
public static class AttentionPackedKernels
{
    /// <summary>
    /// Threads per group, and keys of a chunk; a power of two, because the tree sum halves it.
    /// </summary>
    public const int BlockSize = 128;

    /// <summary>Whether a token stands in caches of S rows.</summary>
    static bool Stands(int row, int position, int S, int capacity)
        => row >= 0 && row < S && position >= 0 && position < capacity;

    /// <summary>Copies k and v of the tokens to their places. One thread per element, [N, C].</summary>
    public static void Write(
        ArrayView<float> qkv, ArrayView<int> rows, ArrayView<int> positions,
        ArrayView<float> kCache, ArrayView<float> vCache, int S, int H, int D, int capacity)
    {
        int C = H * D;
        for (long index = ElementLoop.First; index < qkv.Length / 3; index += ElementLoop.Step)
        {
            int n = (int)(index / C), c = (int)(index - (long)n * C);
            int row = rows[n], position = positions[n];
            if (!Stands(row, position, S, capacity))
                continue;
            long at = (((long)row * H + c / D) * capacity + position) * D + c % D;
            kCache[at] = qkv[(long)n * 3 * C + C + c];
            vCache[at] = qkv[(long)n * 3 * C + 2 * C + c];
        }
    }

    /// <summary>Writes z. Grid: N*H. Group: <see cref="BlockSize"/>.</summary>
    /// <param name="qkv">[N, 3C]; only q is read.</param>
    /// <param name="rows">[N]</param>
    /// <param name="positions">[N]</param>
    /// <param name="kCache">[S, H, capacity, D]</param>
    /// <param name="vCache">[S, H, capacity, D]</param>
    /// <param name="z">[N, C]</param>
    /// <param name="S">Rows of the caches.</param>
    /// <param name="H">Heads.</param>
    /// <param name="D">Size of a head, at most <see cref="BlockSize"/>.</param>
    /// <param name="capacity">Keys that a cache row has room for.</param>
    /// <param name="scale">The factor of the scores: 1/sqrt(D), or 1.</param>
    /// <param name="aligned">1 when q and keys may be read in quads, as in <see cref="AttentionKernels"/>.
    /// </param>
    public static void Forward(
        ArrayView<float> qkv, ArrayView<int> rows, ArrayView<int> positions,
        ArrayView<float> kCache, ArrayView<float> vCache, ArrayView<float> z,
        int S, int H, int D, int capacity, float scale, int aligned)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        ArrayView<float> p = SharedMemory.Allocate<float>(BlockSize);
        int n = Grid.IdxX / H, head = Grid.IdxX % H, thread = Group.IdxX;
        int shares = BlockSize / D, share = thread / D, d = thread - share * D;
        long q = (long)n * 3 * H * D + head * D;
        int row = rows[n], position = positions[n];
        int keys = Stands(row, position, S, capacity) ? position + 1 : 0;
        long cache = ((long)row * H + head) * capacity * D; // not used without keys

        float max = float.NegativeInfinity, sum = 0f, value = 0f;
        for (int first = 0; first < keys; first += BlockSize)
        {
            int count = IntrinsicMath.Min(keys - first, BlockSize);
            long chunk = cache + (long)first * D;
            float s = float.NegativeInfinity;
            if (thread < count)
                s = scale * AttentionCacheKernels.Dot(qkv, q, kCache, chunk + (long)thread * D, D, aligned);
            float m = MathF.Max(max, GroupReduce.Max(s, scratch));
            float weight = thread < count ? DeviceMath.Exp(s - m) : 0f;
            p[thread] = weight;
            float shrink = DeviceMath.Exp(max - m); // 0 at the first chunk
            sum = sum * shrink + GroupReduce.Sum(weight, scratch); // its barriers complete p too
            value *= shrink;
            if (share < shares)
                value += AttentionCacheKernels.Mix(p, vCache, chunk + d, share, shares, count, D);
            max = m;
            Group.Barrier(); // everyone is done with p before the next chunk's comes
        }

        scratch[thread] = value;
        Group.Barrier(); // all shares are there
        if (thread < D)
        {
            for (int i = 1; i < shares; i++)
                value += scratch[i * D + thread];
            z[(long)Grid.IdxX * D + thread] = keys > 0 ? value / sum : 0f;
        }
    }
}
