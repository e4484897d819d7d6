using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<float>,
        ArrayView<float>, int, int, int, int>? _cacheWrite;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<int>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, int, int, int, int, float, int>? _attentionPacked;

    /// <summary>
    /// Copies k and v of packed tokens to the cache row and position that each of them names.
    /// </summary>
    /// <param name="qkv">[N, 3C]: q | k | v of a token, each [H, D].</param>
    /// <param name="rows">[N]: each token's row of the caches. No two tokens may have one place.</param>
    /// <param name="positions">[N]: its place in that row; negative: no token, nothing is stored.</param>
    /// <param name="kCache">[S, H, capacity, D]</param>
    /// <param name="vCache">[S, H, capacity, D]</param>
    /// <param name="N">Tokens.</param>
    /// <param name="S">Rows of the caches.</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or on the host path a token stands outside
    /// the caches (GPUs take it as none).</exception>
    public void CacheWrite(Tensor qkv, IndexTensor rows, IndexTensor positions, Tensor kCache, Tensor vCache,
        int N, int S, int H)
    {
        (int D, int capacity) = RequirePacked(qkv, rows, positions, kCache, vCache, N, S, H);
        if (!CountOp(qkv.Length))
            return;
        if (Host)
            AttentionPackedHost.Write(qkv.Pointer, rows.Pointer, positions.Pointer, kCache.Pointer,
                vCache.Pointer, N, H, D, capacity);
        else
            (_cacheWrite ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<int>,
                ArrayView<float>, ArrayView<float>, int, int, int, int>(AttentionPackedKernels.Write))(
                Elements(qkv.Length / 3), qkv.View, rows.View, positions.View, kCache.View, vCache.View,
                S, H, D, capacity);
    }

    /// <summary>
    /// Writes the attention of packed tokens, each over positions 0 to its own of the cache row that it
    /// names. On the host a token has the bits that <see cref="Attention"/> gives it in a whole row, whatever
    /// tokens stand beside it and however its text is cut into calls; neighbours of one row at successive
    /// positions are computed together, so keep them next to each other.
    /// </summary>
    /// <param name="qkv">[N, 3C]; only q is read: write the cache first.</param>
    /// <param name="rows">[N]: each token's row of the caches.</param>
    /// <param name="positions">[N]: its place in that row; negative: no token.</param>
    /// <param name="kCache">[S, H, capacity, D]</param>
    /// <param name="vCache">[S, H, capacity, D]</param>
    /// <param name="z">[N, C]; zeros where there is no token.</param>
    /// <param name="N">Tokens.</param>
    /// <param name="S">Rows of the caches.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in <see cref="Attention"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit, a head is too wide for the device, or on
    /// the host path a token stands outside the caches (GPUs take it as none).</exception>
    public void AttentionPacked(Tensor qkv, IndexTensor rows, IndexTensor positions, Tensor kCache,
        Tensor vCache, Tensor z, int N, int S, int H, float scale)
    {
        (int D, int capacity) = RequirePackedZ(qkv, rows, positions, kCache, vCache, z, N, S, H);
        if (!CountOp(z.Length))
            return;
        if (Host)
            AttentionPackedHost.Forward(qkv.Pointer, rows.Pointer, positions.Pointer, kCache.Pointer,
                vCache.Pointer, z.Pointer, N, H, D, capacity, scale);
        else
            LaunchPacked(qkv, rows, positions, kCache, vCache, z, N, S, H, D, capacity, scale);
    }

    /// <summary>
    /// As <see cref="AttentionPacked"/>, each token alone: faster where no two tokens follow each other in
    /// one cache row. On the host a token has the bits that <see cref="AttentionCached"/> gives it; on other
    /// devices those of <see cref="AttentionPacked"/>.
    /// </summary>
    /// <param name="qkv">[N, 3C]; only q is read: write the cache first.</param>
    /// <param name="rows">[N]: each token's row of the caches.</param>
    /// <param name="positions">[N]: its place in that row; negative: no token.</param>
    /// <param name="kCache">[S, H, capacity, D]</param>
    /// <param name="vCache">[S, H, capacity, D]</param>
    /// <param name="z">[N, C]; zeros where there is no token.</param>
    /// <param name="N">Tokens.</param>
    /// <param name="S">Rows of the caches.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in <see cref="Attention"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit, a head is too wide for the device, or on
    /// the host path a token stands outside the caches (GPUs take it as none).</exception>
    public void AttentionPackedOne(Tensor qkv, IndexTensor rows, IndexTensor positions, Tensor kCache,
        Tensor vCache, Tensor z, int N, int S, int H, float scale)
    {
        (int D, int capacity) = RequirePackedZ(qkv, rows, positions, kCache, vCache, z, N, S, H);
        if (!CountOp(z.Length))
            return;
        if (Host)
            AttentionPackedHost.ForwardOne(qkv.Pointer, rows.Pointer, positions.Pointer, kCache.Pointer,
                vCache.Pointer, z.Pointer, N, H, D, capacity, scale);
        else
            LaunchPacked(qkv, rows, positions, kCache, vCache, z, N, S, H, D, capacity, scale);
    }

    void LaunchPacked(Tensor qkv, IndexTensor rows, IndexTensor positions, Tensor kCache, Tensor vCache,
        Tensor z, int N, int S, int H, int D, int capacity, float scale)
        => (_attentionPacked ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<int>,
            ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int, int, float, int>(
            AttentionPackedKernels.Forward))(
            (Groups(N, 1, H, 1), AttentionPackedKernels.BlockSize), qkv.View, rows.View, positions.View,
            kCache.View, vCache.View, z.View, S, H, D, capacity, scale, Aligned(D, qkv, kCache));

    (int D, int Capacity) RequirePackedZ(Tensor qkv, IndexTensor rows, IndexTensor positions, Tensor kCache,
        Tensor vCache, Tensor z, int N, int S, int H, [CallerMemberName] string op = "")
    {
        (int D, int capacity) = RequirePacked(qkv, rows, positions, kCache, vCache, N, S, H, op);
        Require(z.Length == (long)N * H * D, $"{z} must have [{N}, {H * D}].", op);
        RequireHeadFits(D, op);
        return (D, capacity);
    }

    (int D, int Capacity) RequirePacked(Tensor qkv, IndexTensor rows, IndexTensor positions, Tensor kCache,
        Tensor vCache, int N, int S, int H, [CallerMemberName] string op = "")
    {
        int D = HeadSize(qkv, N, 1, H, op);
        Require(rows.Length == N, $"{rows} must have {N} entries.", op);
        Require(positions.Length == N, $"{positions} must have {N} entries.", op);
        int capacity = Capacity(kCache, vCache, S, H, D, op);
        RequirePlaces(rows, positions, kCache, S, capacity, op);
        return (D, capacity);
    }

    // As RequireIds: host bodies go through pointers, kernels guard each token themselves.
    void RequirePlaces(
        IndexTensor rows, IndexTensor positions, Tensor kCache, int S, int capacity, string op)
    {
        if (!Host)
            return;
        for (long n = 0; n < positions.Length; n++)
        {
            int row = rows.Pointer[n], position = positions.Pointer[n];
            Require(position < 0 || (row >= 0 && row < S && position < capacity),
                $"token {n} stands at position {position} of row {row}, outside {kCache}.", op);
        }
    }
}
