// Attention of one new token per row over cached keys and values.
//
//     z[b,h,:] = sum_{j <= positions[b]} softmax_j(scale * <q[b,h], k[b,h,j]>) v[b,h,j,:]
//
//   qkv              [B, 3C] (Append, Forward) or [B*T, 3C] (Fill)
//   kCache, vCache   [B, H, capacity, D]
//   positions        [B]        position of each row's new token; negative: the row is finished
//   z                [B, C]     zeros for finished rows
//   parts            [B, H, chunks, D + 2]   of each chunk: sum_j w_j v_j, max_j s_j, sum_j w_j, where
//                               s_j are its scaled scores and w_j = exp(s_j - max)
//
// A new token has one query per head: B*H groups, too few for a device. So keys are cut into chunks of fixed
// size, a group each, and a second kernel combines the chunks, each rescaled to the largest maximum.
//
// Host body: AttentionCacheHost.cs.   Oracle: AttentionReference, the last row of each sequence.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Key/value cache: fill it, append to it, attend over it.</summary>
public static class AttentionCacheKernels
{
    /// <summary>Threads per group; a power of two, because the tree sum halves it.</summary>
    public const int BlockSize = 128;

    /// <summary>
    /// Keys of a chunk, one per thread. Fixed, so that sums have the same order on every device.
    /// </summary>
    public const int ChunkKeys = BlockSize;

    /// <summary>Chunks of a number of keys: the parts that <see cref="ForwardChunk"/> writes.</summary>
    public static int Chunks(int keys) => (keys + ChunkKeys - 1) / ChunkKeys;

    /// <summary>Copies k and v of real tokens. One thread per element of k, [B*T, C].</summary>
    public static void Fill(
        ArrayView<float> qkv, ArrayView<int> lengths,
        ArrayView<float> kCache, ArrayView<float> vCache, int T, int H, int D, int capacity)
    {
        int C = H * D;
        for (long index = ElementLoop.First; index < qkv.Length / 3; index += ElementLoop.Step)
        {
            int row = (int)(index / C), c = (int)(index - (long)row * C);
            int b = row / T, t = row - b * T;
            if (t >= lengths[b])
                continue;
            long at = (((long)b * H + c / D) * capacity + t) * D + c % D;
            kCache[at] = qkv[(long)row * 3 * C + C + c];
            vCache[at] = qkv[(long)row * 3 * C + 2 * C + c];
        }
    }

    /// <summary>
    /// Copies k and v of the new tokens to their positions. One thread per element, [B, C].
    /// </summary>
    public static void Append(
        ArrayView<float> qkv, ArrayView<int> positions,
        ArrayView<float> kCache, ArrayView<float> vCache, int H, int D, int capacity)
    {
        int C = H * D;
        for (long index = ElementLoop.First; index < qkv.Length / 3; index += ElementLoop.Step)
        {
            int b = (int)(index / C), c = (int)(index - (long)b * C);
            int t = positions[b];
            if (t < 0 || t >= capacity)
                continue;
            long at = (((long)b * H + c / D) * capacity + t) * D + c % D;
            kCache[at] = qkv[(long)b * 3 * C + C + c];
            vCache[at] = qkv[(long)b * 3 * C + 2 * C + c];
        }
    }

    /// <summary>
    /// Writes z of caches of at most <see cref="ChunkKeys"/>. Grid: B*H. Group: <see cref="BlockSize"/>.
    /// </summary>
    /// <param name="qkv">[B, 3C]; only q is read.</param>
    /// <param name="positions">[B]</param>
    /// <param name="kCache">[B, H, capacity, D]</param>
    /// <param name="vCache">[B, H, capacity, D]</param>
    /// <param name="z">[B, C]</param>
    /// <param name="H">Heads.</param>
    /// <param name="D">Size of a head, at most <see cref="BlockSize"/>.</param>
    /// <param name="capacity">Keys that a cache has room for.</param>
    /// <param name="scale">The factor of the scores: 1/sqrt(D), or 1.</param>
    /// <param name="aligned">1 when q and keys may be read in quads, as in <see cref="AttentionKernels"/>.
    /// </param>
    public static void Forward(
        ArrayView<float> qkv, ArrayView<int> positions, ArrayView<float> kCache, ArrayView<float> vCache,
        ArrayView<float> z, int H, int D, int capacity, float scale, int aligned)
    {
        int row = Grid.IdxX, thread = Group.IdxX;
        int keys = IntrinsicMath.Min(positions[row / H] + 1, capacity);
        (_, float sum, float value) =
            Chunk(qkv, kCache, vCache, row, 0, keys, H, D, capacity, scale, aligned);
        if (thread < D)
            z[(long)row * D + thread] = keys > 0 ? value / sum : 0f;
    }

    /// <summary>
    /// Writes a chunk's sum of values, maximum and sum of weights. Grid: B*H*ceil(capacity/ChunkKeys), the
    /// chunks of a head next to each other. Group: <see cref="BlockSize"/>. A chunk without keys is left as
    /// it is. Other parameters as <see cref="Forward"/>.
    /// </summary>
    public static void ForwardChunk(
        ArrayView<float> qkv, ArrayView<int> positions, ArrayView<float> kCache, ArrayView<float> vCache,
        ArrayView<float> parts, int H, int D, int capacity, float scale, int aligned)
    {
        int chunks = Chunks(capacity), thread = Group.IdxX;
        int row = Grid.IdxX / chunks, first = Grid.IdxX % chunks * ChunkKeys;
        int keys = IntrinsicMath.Min(positions[row / H] + 1, capacity);
        (float max, float sum, float value) =
            Chunk(qkv, kCache, vCache, row, first, keys, H, D, capacity, scale, aligned);
        long at = (long)Grid.IdxX * (D + 2);
        if (first < keys && thread < D)
            parts[at + thread] = value;
        if (first < keys && thread == 0)
        {
            parts[at + D] = max;
            parts[at + D + 1] = sum;
        }
    }

    /// <summary>
    /// Writes z from the chunks of a head, taken in order. One thread per element of z, [B, C].
    /// </summary>
    public static void Combine(
        ArrayView<float> parts, ArrayView<int> positions, ArrayView<float> z, int H, int D, int capacity)
    {
        for (long index = ElementLoop.First; index < z.Length; index += ElementLoop.Step)
        {
            int row = (int)(index / D), d = (int)(index - (long)row * D);
            int keys = IntrinsicMath.Min(positions[row / H] + 1, capacity);
            long first = (long)row * Chunks(capacity) * (D + 2);
            float max = float.NegativeInfinity, sum = 0f, value = 0f;
            for (int n = 0; n < Chunks(keys); n++)
                max = MathF.Max(max, parts[first + n * (D + 2) + D]);
            for (int n = 0; n < Chunks(keys); n++)
            {
                long at = first + n * (D + 2);
                float shrink = DeviceMath.Exp(parts[at + D] - max);
                sum += parts[at + D + 1] * shrink;
                value += parts[at + d] * shrink;
            }
            z[index] = keys > 0 ? value / sum : 0f;
        }
    }

    // Maximum, sum of weights and, of column thread < D, sum of values over keys [first, first + ChunkKeys)
    // that stand before end. Threads share the keys of a column where a head has less columns than threads.
    static (float Max, float Sum, float Value) Chunk(
        ArrayView<float> qkv, ArrayView<float> kCache, ArrayView<float> vCache,
        int row, int first, int end, int H, int D, int capacity, float scale, int aligned)
    {
        ArrayView<float> scratch = SharedMemory.Allocate<float>(BlockSize);
        ArrayView<float> p = SharedMemory.Allocate<float>(ChunkKeys);
        int thread = Group.IdxX;
        long q = (long)(row / H) * 3 * H * D + row % H * D;
        long cache = ((long)row * capacity + first) * D;
        int keys = IntrinsicMath.Min(end - first, ChunkKeys);

        float s = float.NegativeInfinity;
        if (thread < keys)
            s = scale * Dot(qkv, q, kCache, cache + (long)thread * D, D, aligned);
        float max = GroupReduce.Max(s, scratch);
        float weight = thread < keys ? DeviceMath.Exp(s - max) : 0f;
        p[thread] = weight;
        float sum = GroupReduce.Sum(weight, scratch); // its barriers complete p too

        int shares = BlockSize / D, share = thread / D;
        float value = share < shares
            ? Mix(p, vCache, cache + (thread - share * D), share, shares, keys, D) : 0f;
        scratch[thread] = value;
        Group.Barrier(); // all shares are there
        if (thread < D)
            for (int n = 1; n < shares; n++)
                value += scratch[n * D + thread];
        return (max, sum, value);
    }

    /// <summary>Writes pattern [B, H, 1, capacity]. Grid: B*H. Group: <see cref="BlockSize"/>.</summary>
    public static void Pattern(
        ArrayView<float> qkv, ArrayView<int> positions, ArrayView<float> kCache,
        ArrayView<float> pattern, int H, int D, int capacity, float scale, int aligned)
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
            float s = float.NegativeInfinity;
            if (j < keys)
                s = scale * Dot(qkv, q, kCache, cache + (long)j * D, D, aligned);
            pattern[row + j] = s;
            max = MathF.Max(max, s);
        }
        max = GroupReduce.Max(max, scratch);
        float sum = 0f;
        for (int j = thread; j < keys; j += BlockSize)
            sum += DeviceMath.Exp(pattern[row + j] - max);
        sum = GroupReduce.Sum(sum, scratch);
        for (int j = thread; j < capacity; j += BlockSize)
            pattern[row + j] = j < keys ? DeviceMath.Exp(pattern[row + j] - max) / sum : 0f;
    }

    // Every shares-th value of a column from key j on. Four loads are under way at a time: waiting for each
    // would take longer than all the rest.
    internal static float Mix(
        ArrayView<float> p, ArrayView<float> vCache, long column, int j, int shares, int keys, int D)
    {
        float value = 0f;
        long step = (long)shares * D, at = column + (long)j * D;
        for (; j + 3 * shares < keys; j += 4 * shares, at += 4 * step)
        {
            float v0 = vCache[at], v1 = vCache[at + step], v2 = vCache[at + 2 * step],
                v3 = vCache[at + 3 * step];
            value = value + p[j] * v0 + p[j + shares] * v1 + p[j + 2 * shares] * v2 + p[j + 3 * shares] * v3;
        }
        for (; j < keys; j += shares, at += step)
            value += p[j] * vCache[at];
        return value;
    }

    internal static float Dot(ArrayView<float> a, long atA, ArrayView<float> b, long atB, int D, int aligned)
    {
        float dot = 0f;
        int d = 0;
        if (aligned != 0)
        {
            ArrayView<Float4> x = AttentionSharedTiles.Quads(a), y = AttentionSharedTiles.Quads(b);
            long i = atA / 4, j = atB / 4;
            for (; d + 16 <= D; d += 16, i += 4, j += 4)
            {
                Float4 y0 = y[j], y1 = y[j + 1], y2 = y[j + 2], y3 = y[j + 3]; // under way together
                dot = Add(dot, x[i], y0);
                dot = Add(dot, x[i + 1], y1);
                dot = Add(dot, x[i + 2], y2);
                dot = Add(dot, x[i + 3], y3);
            }
            for (; d < D; d += 4, i++, j++)
                dot = Add(dot, x[i], y[j]);
        }
        for (; d < D; d++)
            dot += a[atA + d] * b[atB + d];
        return dot;
    }

    static float Add(float dot, Float4 x, Float4 y) => dot + x.X * y.X + x.Y * y.Y + x.Z * y.Z + x.W * y.W;
}
