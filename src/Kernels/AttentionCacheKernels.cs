// Attention of one new token per row over cached keys and values.
//
//     z[b,h,:] = sum_{j <= positions[b]} softmax_j(scale * <q[b,h], k[b,h,j]>) v[b,h,j,:]
//
//   qkv              [B, 3C] (Append, Forward) or [B*T, 3C] (Fill)
//   kCache, vCache   [B, H, capacity, D]
//   positions        [B]        where each row's new token stands; negative: the row is finished
//   z                [B, C]     zeros for finished rows
//
// Host body: AttentionCacheHost.cs.   Oracle: AttentionReference, the last row of each sequence.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Key/value cache: fill it, append to it, attend over it.</summary>
public static class AttentionCacheKernels
{
    /// <summary>Threads per group; a power of two, because the tree sum halves it.</summary>
    public const int BlockSize = 128;

    /// <summary>Copies k and v of real tokens. One thread per element of k, [B*T, C].</summary>
    public static void Fill(
        Index1D index, ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> kCache, ArrayView<float> vCache, int T, int H, int D, int capacity)
    {
        int C = H * D;
        long row = index / C;
        int c = index % C;
        int b = (int)(row / T);
        int t = (int)(row % T);
        if (t >= lengths[b])
            return;
        long at = (((long)b * H + c / D) * capacity + t) * D + c % D;
        kCache[at] = qkv[row * 3 * C + C + c];
        vCache[at] = qkv[row * 3 * C + 2 * C + c];
    }

    /// <summary>
    /// Copies k and v of the new tokens to their positions. One thread per element, [B, C].
    /// </summary>
    public static void Append(
        Index1D index, ArrayView<float> qkv, ArrayView<int> positions,
        ArrayView<float> kCache, ArrayView<float> vCache, int H, int D, int capacity)
    {
        int C = H * D;
        int b = index / C;
        int c = index % C;
        int t = positions[b];
        if (t < 0 || t >= capacity)
            return;
        long at = (((long)b * H + c / D) * capacity + t) * D + c % D;
        kCache[at] = qkv[(long)b * 3 * C + C + c];
        vCache[at] = qkv[(long)b * 3 * C + 2 * C + c];
    }

    /// <summary>
    /// Writes z. Grid: B*H. Group: <see cref="BlockSize"/>; keys pass by one block at a time.
    /// </summary>
    public static void Forward(
        ArrayView<float> qkv, ArrayView<int> positions, ArrayView<float> kCache, ArrayView<float> vCache,
        ArrayView<float> z, int H, int D, int capacity, float scale)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        ArrayView<float> p = SharedMemory.Allocate<float>(BlockSize);
        int thread = Group.IdxX;
        int head = Grid.IdxX % H;
        int b = Grid.IdxX / H;
        int keys = IntrinsicMath.Min(positions[b] + 1, capacity);
        long q = (long)b * 3 * H * D + head * D;
        long cache = (long)Grid.IdxX * capacity * D;
        float max = float.NegativeInfinity;
        float sum = 0f;
        float value = 0f; // of column d = thread; D <= BlockSize

        for (int k0 = 0; k0 < keys; k0 += BlockSize)
        {
            float s = float.NegativeInfinity;
            if (k0 + thread < keys)
                s = scale * Dot(qkv, q, kCache, cache + (long)(k0 + thread) * D, D);
            float m = MathF.Max(max, GroupReduce.Max(s, scratch));
            float weight = MathF.Exp(s - m);
            p[thread] = weight;
            float shrink = MathF.Exp(max - m);
            sum = sum * shrink + GroupReduce.Sum(weight, scratch);
            max = m;
            value *= shrink;
            int end = IntrinsicMath.Min(BlockSize, keys - k0);
            if (thread < D)
                for (int j = 0; j < end; j++)
                    value += p[j] * vCache[cache + (long)(k0 + j) * D + thread];
            Group.Barrier(); // everyone is done with p before the next block comes
        }
        if (thread < D)
            z[(long)Grid.IdxX * D + thread] = keys > 0 ? value / sum : 0f;
    }

    /// <summary>Writes pattern [B, H, 1, capacity]. Grid: B*H. Group: <see cref="BlockSize"/>.</summary>
    public static void Pattern(
        ArrayView<float> qkv, ArrayView<int> positions, ArrayView<float> kCache,
        ArrayView<float> pattern, int H, int D, int capacity, float scale)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        int thread = Group.IdxX;
        int head = Grid.IdxX % H;
        int b = Grid.IdxX / H;
        int keys = IntrinsicMath.Min(positions[b] + 1, capacity);
        long q = (long)b * 3 * H * D + head * D;
        long cache = (long)Grid.IdxX * capacity * D;
        long row = (long)Grid.IdxX * capacity;

        float max = float.NegativeInfinity;
        for (int j = thread; j < capacity; j += BlockSize)
        {
            float s = j < keys ? scale * Dot(qkv, q, kCache, cache + (long)j * D, D) : float.NegativeInfinity;
            pattern[row + j] = s;
            max = MathF.Max(max, s);
        }
        max = GroupReduce.Max(max, scratch);
        float sum = 0f;
        for (int j = thread; j < keys; j += BlockSize)
            sum += MathF.Exp(pattern[row + j] - max);
        sum = GroupReduce.Sum(sum, scratch);
        for (int j = thread; j < capacity; j += BlockSize)
            pattern[row + j] = j < keys ? MathF.Exp(pattern[row + j] - max) / sum : 0f;
    }

    static float Dot(ArrayView<float> a, long atA, ArrayView<float> b, long atB, int D)
    {
        float dot = 0f;
        for (int d = 0; d < D; d++)
            dot += a[atA + d] * b[atB + d];
        return dot;
    }
}
