using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        int, int, int, int>? _cacheFill;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        int, int, int>? _cacheAppend;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, int, int, int, float, int>? _attentionCached, _attentionCachedChunks;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, int, int, int>? _combineChunks;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        int, int, int, float, int>? _attentionCachedPattern;

    /// <summary>Copies k and v of all real tokens into the cache, from position 0 on.</summary>
    /// <param name="qkv">[B*T, 3C]</param>
    /// <param name="lengths">[B]: real tokens of each row.</param>
    /// <param name="kCache">[B, H, capacity, D]</param>
    /// <param name="vCache">[B, H, capacity, D]</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="T">Tokens per row, padding included; at most the capacity.</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void CacheFill(Tensor qkv, IndexTensor lengths, Tensor kCache, Tensor vCache, int B, int T, int H)
    {
        int D = HeadSize(qkv, B, T, H);
        Require(lengths.Length == B, $"{lengths} must have {B} entries.");
        int capacity = Capacity(kCache, vCache, B, H, D);
        Require(T <= capacity, $"{T} tokens do not fit {kCache}.");
        CountOp();
        if (qkv.Length == 0)
            return;
        if (Host)
            AttentionCacheHost.Fill(
                qkv.Pointer, lengths.Pointer, kCache.Pointer, vCache.Pointer, B, T, H, D, capacity);
        else
            (_cacheFill ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>,
                ArrayView<float>, ArrayView<float>, int, int, int, int>(AttentionCacheKernels.Fill))(
                Elements(qkv.Length / 3),
                qkv.View, lengths.View, kCache.View, vCache.View, T, H, D, capacity);
    }

    /// <summary>Copies k and v of one new token per row to its position in the cache.</summary>
    /// <param name="qkv">[B, 3C]</param>
    /// <param name="positions">[B], below the capacity; negative: the row is finished and skipped.</param>
    /// <param name="kCache">[B, H, capacity, D]</param>
    /// <param name="vCache">[B, H, capacity, D]</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void CacheAppend(Tensor qkv, IndexTensor positions, Tensor kCache, Tensor vCache, int B, int H)
    {
        int D = HeadSize(qkv, B, 1, H);
        Require(positions.Length == B, $"{positions} must have {B} entries.");
        int capacity = Capacity(kCache, vCache, B, H, D);
        CountOp();
        if (qkv.Length == 0)
            return;
        if (Host)
            AttentionCacheHost.Append(
                qkv.Pointer, positions.Pointer, kCache.Pointer, vCache.Pointer, B, H, D, capacity);
        else
            (_cacheAppend ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>,
                ArrayView<float>, ArrayView<float>, int, int, int>(AttentionCacheKernels.Append))(
                Elements(qkv.Length / 3),
                qkv.View, positions.View, kCache.View, vCache.View, H, D, capacity);
    }

    /// <summary>
    /// Writes the attention of one new token per row over the cached positions 0..positions[b].
    /// </summary>
    /// <param name="qkv">[B, 3C]; only q is read: append first.</param>
    /// <param name="positions">[B]; negative: the row is finished.</param>
    /// <param name="kCache">[B, H, capacity, D]</param>
    /// <param name="vCache">[B, H, capacity, D]</param>
    /// <param name="parts">Room for <see cref="CachedParts"/> floats, written on ILGPU devices; may be null
    /// where that is 0.</param>
    /// <param name="z">[B, C]; zeros for finished rows.</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in <see cref="Attention"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or a head is too wide for the
    /// device.</exception>
    public void AttentionCached(
        Tensor qkv, IndexTensor positions, Tensor kCache, Tensor vCache, Tensor? parts, Tensor z,
        int B, int H, float scale)
    {
        int D = HeadSize(qkv, B, 1, H);
        Require(positions.Length == B, $"{positions} must have {B} entries.");
        Require(z.Length == (long)B * H * D, $"{z} must have [{B}, {H * D}].");
        int capacity = Capacity(kCache, vCache, B, H, D);
        long floats = CachedParts(B, H, D, capacity);
        Require((parts?.Length ?? 0) >= floats, $"{parts} must have room for {floats} floats.");
        RequireHeadFits(D);
        CountOp();
        if (z.Length == 0)
            return;
        if (Host)
        {
            AttentionCacheHost.Forward(qkv.Pointer, positions.Pointer, kCache.Pointer, vCache.Pointer,
                z.Pointer, B, H, D, capacity, scale);
            return;
        }
        int aligned = Aligned(D, qkv, kCache);
        if (floats == 0)
        {
            (_attentionCached ??= LoadCached(AttentionCacheKernels.Forward))(
                (Groups(B, 1, H, 1), AttentionCacheKernels.BlockSize), qkv.View, positions.View,
                kCache.View, vCache.View, z.View, H, D, capacity, scale, aligned);
            return;
        }
        (_attentionCachedChunks ??= LoadCached(AttentionCacheKernels.ForwardChunk))(
            (Groups(B, capacity, H, AttentionCacheKernels.ChunkKeys), AttentionCacheKernels.BlockSize),
            qkv.View, positions.View, kCache.View, vCache.View, parts!.View, H, D, capacity, scale, aligned);
        (_combineChunks ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>,
            ArrayView<float>, int, int, int>(AttentionCacheKernels.Combine))(
            Elements(z.Length), parts.View, positions.View, z.View, H, D, capacity);
    }

    /// <summary>
    /// Floats that <see cref="AttentionCached"/> needs besides its result: what groups of keys leave to be
    /// put together. 0 on the host, and for caches that one group reads.
    /// </summary>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="H">Heads.</param>
    /// <param name="D">Size of a head.</param>
    /// <param name="capacity">Keys that the cache has room for.</param>
    public long CachedParts(int B, int H, int D, int capacity)
        => Host || capacity <= AttentionCacheKernels.ChunkKeys ? 0
            : (long)B * H * AttentionCacheKernels.Chunks(capacity) * (D + 2);

    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, int, int, int, float, int> LoadCached(
        Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            int, int, int, float, int> kernel)
        => Gpu.LoadStreamKernel(kernel);

    /// <summary>Writes the pattern of <see cref="AttentionCached"/>; zeros beyond positions[b].</summary>
    /// <param name="qkv">[B, 3C]; only q is read.</param>
    /// <param name="positions">[B]; negative: the row is finished.</param>
    /// <param name="kCache">[B, H, capacity, D]</param>
    /// <param name="pattern">[B, H, 1, capacity]</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in <see cref="Attention"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void AttentionCachedPattern(
        Tensor qkv, IndexTensor positions, Tensor kCache, Tensor pattern, int B, int H, float scale)
    {
        int D = HeadSize(qkv, B, 1, H);
        Require(positions.Length == B, $"{positions} must have {B} entries.");
        int capacity = Capacity(kCache, kCache, B, H, D);
        Require(pattern.Length == (long)B * H * capacity, $"{pattern} must have [{B}, {H}, 1, {capacity}].");
        CountOp();
        if (pattern.Length == 0)
            return;
        if (Host)
            AttentionCacheHost.Pattern(
                qkv.Pointer, positions.Pointer, kCache.Pointer, pattern.Pointer, B, H, D, capacity, scale);
        else
            (_attentionCachedPattern ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>,
                ArrayView<float>, ArrayView<float>, int, int, int, float, int>(
                AttentionCacheKernels.Pattern))(
                (Groups(B, 1, H, 1), AttentionCacheKernels.BlockSize), qkv.View, positions.View, kCache.View,
                pattern.View, H, D, capacity, scale, Aligned(D, qkv, kCache));
    }

    static int Capacity(
        Tensor kCache, Tensor vCache, int B, int H, int D, [CallerMemberName] string op = "")
    {
        Require(kCache.Columns == D && kCache.Length % Math.Max(1L, (long)B * H * D) == 0,
            $"{kCache} must have [{B}, {H}, capacity, {D}].", op);
        Require(vCache.Length == kCache.Length, $"{vCache} must have the shape of {kCache}.", op);
        return checked((int)(kCache.Length / Math.Max(1L, (long)B * H * D)));
    }
}
