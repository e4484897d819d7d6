using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        int, int, int, float, int>? _attention, _attentionWide;

    /// <summary>
    /// Writes <c>z = softmax(scale * q k^T, causal) v</c> for every head, without a matrix of scores.
    /// </summary>
    /// <param name="qkv">[B*T, 3C]: q | k | v of a token, each [H, D].</param>
    /// <param name="lengths">[B]: real tokens of each row, 0 to T; what follows is never read.</param>
    /// <param name="z">[B*T, C]; zeros in padding rows.</param>
    /// <param name="logSumExp">[B, H, T]: all the backward pass keeps; zeros in padding rows.</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="T">Tokens per row, padding included.</param>
    /// <param name="H">Heads; C is a multiple.</param>
    /// <param name="scale">1/sqrt(D), or 1 for models that do not scale.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or a head is too wide for the
    /// device.</exception>
    public void Attention(
        Tensor qkv, IndexTensor lengths, Tensor z, Tensor logSumExp, int B, int T, int H, float scale)
    {
        int D = RequireAttention(qkv, lengths, z, logSumExp, B, T, H);
        CountOp();
        if (z.Length == 0)
            return;
        if (Host)
            AttentionHost.Forward(
                qkv.Pointer, lengths.Pointer, z.Pointer, logSumExp.Pointer, B, T, H, D, scale);
        else if (AttendsReduced(D))
            ReducedAttention(D)(Gpu.DefaultStream,
                (Groups(B, T, H, AttentionTensorKernels.QueryTile), AttentionTensorKernels.BlockSize),
                qkv.View, lengths.View, z.View, logSumExp.View, T, H, D, scale, Aligned(D, qkv));
        else
            AttentionKernel(D)((Groups(B, T, H, AttentionKernels.QueryTile), AttentionKernels.BlockSize),
                qkv.View, lengths.View, z.View, logSumExp.View, T, H, D, scale, Aligned(D, qkv, z));
    }

    int RequireAttention(
        Tensor qkv, IndexTensor lengths, Tensor z, Tensor logSumExp, int B, int T, int H,
        [CallerMemberName] string op = "")
    {
        int D = HeadSize(qkv, B, T, H, op);
        Require(lengths.Length == B, $"{lengths} must have {B} entries.", op);
        Require(z.Length == (long)B * T * H * D, $"{z} must have [{B * T}, {H * D}].", op);
        Require(logSumExp.Length == (long)B * H * T, $"{logSumExp} must have [{B}, {H}, {T}].", op);
        RequireHeadFits(D, op);
        return D;
    }

    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        int, int, int, float, int> AttentionKernel(int D)
        => D <= AttentionKernels.NarrowHead
            ? _attention ??= LoadForward(AttentionKernels.Forward)
            : _attentionWide ??= LoadForward(AttentionKernels.ForwardWide);

    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        int, int, int, float, int> LoadForward(
        Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
            int, int, int, float, int> kernel)
        => Gpu.LoadStreamKernel(kernel);

    static int HeadSize(Tensor qkv, int B, int T, int H, [CallerMemberName] string op = "")
    {
        Require(H > 0 && qkv.Columns % (3 * H) == 0,
            $"the last axis of {qkv} must be 3 * {H} heads * their size.", op);
        Require(B >= 0 && T >= 0 && qkv.Length == (long)B * T * qkv.Columns,
            $"{qkv} must have {B} * {T} rows.", op);
        return qkv.Columns / 3 / H;
    }

    void RequireHeadFits(int D, [CallerMemberName] string op = "")
        => Require(Host || D <= AttentionKernels.MaxHeadSize,
            $"heads of {D} are wider than {AttentionKernels.MaxHeadSize}, the most on {Device.Name}; "
            + $"use cpu.", op);

    static int Groups(int B, int T, int H, int tile, [CallerMemberName] string op = "")
    {
        long groups = (long)B * H * ((T + tile - 1) / tile);
        Require(groups <= int.MaxValue, $"{B} rows of {T} tokens and {H} heads need {groups} groups; a grid "
            + $"has at most {int.MaxValue}.", op);
        return (int)groups;
    }

    // Whether rows of heads may be read and written in quads; tensors of an arena begin at cache lines.
    static int Aligned(int D, params ReadOnlySpan<Tensor> tensors)
    {
        foreach (Tensor tensor in tensors)
            if (D % 4 != 0 || tensor.Offset % 4 != 0)
                return 0;
        return 1;
    }
}
