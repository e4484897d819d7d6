using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, int, int, int, float, int>? _attentionPrefix;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int, float, int>?
        _attentionPrefixBackward;

    /// <summary>
    /// Writes the attention of rows of one token each over the beginning of a run that all of them share,
    /// and over themselves: other ends of one text, without its beginning for each of them.
    /// </summary>
    /// <param name="qkv">[N, 3C]: q | k | v of a row, each [H, D].</param>
    /// <param name="lengths">[N]: tokens of the run that a row sees, 0 to the capacity.</param>
    /// <param name="keys">[H, capacity, D] of the run, as a cache of one row holds them.</param>
    /// <param name="values">[H, capacity, D]</param>
    /// <param name="z">[N, C]</param>
    /// <param name="logSumExp">[N, H]: all the backward pass keeps.</param>
    /// <param name="N">Rows.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in <see cref="Attention"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or a head is too wide for the
    /// device.</exception>
    public void AttentionPrefix(Tensor qkv, IndexTensor lengths, Tensor keys, Tensor values, Tensor z,
        Tensor logSumExp, int N, int H, float scale)
    {
        (int D, int capacity) = RequirePrefix(qkv, lengths, keys, values, z, logSumExp, N, H);
        CountOp();
        if (z.Length == 0)
            return;
        if (Host)
            AttentionPrefixHost.Forward(qkv.Pointer, lengths.Pointer, keys.Pointer, values.Pointer,
                z.Pointer, logSumExp.Pointer, N, H, D, capacity, scale);
        else
            (_attentionPrefix ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>,
                ArrayView<float>, ArrayView<float>, ArrayView<float>, int, int, int, float, int>(
                AttentionPrefixKernels.Forward))(
                (Groups(N, 1, H, 1), AttentionPrefixKernels.BlockSize), qkv.View, lengths.View, keys.View,
                values.View, z.View, logSumExp.View, H, D, capacity, scale, Aligned(D, qkv, keys));
    }

    /// <summary>
    /// Writes the gradient of <see cref="AttentionPrefix"/> by q, k and v of the rows, computing the pattern
    /// again. The run is constant.
    /// </summary>
    /// <param name="qkv">[N, 3C], the forward pass' input, as the next three.</param>
    /// <param name="lengths">[N]</param>
    /// <param name="keys">[H, capacity, D]</param>
    /// <param name="values">[H, capacity, D]</param>
    /// <param name="z">[N, C], the forward pass' output, as the next.</param>
    /// <param name="logSumExp">[N, H]</param>
    /// <param name="dZ">[N, C]</param>
    /// <param name="dQkv">[N, 3C]. Not one of the inputs.</param>
    /// <param name="N">Rows.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in the forward pass.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or a head is too wide for the
    /// device.</exception>
    public void AttentionPrefixBackward(Tensor qkv, IndexTensor lengths, Tensor keys, Tensor values, Tensor z,
        Tensor logSumExp, Tensor dZ, Tensor dQkv, int N, int H, float scale)
    {
        (int D, int capacity) = RequirePrefix(qkv, lengths, keys, values, z, logSumExp, N, H);
        Require(dZ.Length == z.Length, $"{dZ} must have the shape of {z}.");
        Require(dQkv.Length == qkv.Length, $"{dQkv} must have the shape of {qkv}.");
        CountOp();
        if (z.Length == 0)
            return;
        if (Host)
            AttentionPrefixHost.Backward(qkv.Pointer, lengths.Pointer, keys.Pointer, values.Pointer,
                z.Pointer, logSumExp.Pointer, dZ.Pointer, dQkv.Pointer, N, H, D, capacity, scale);
        else
            (_attentionPrefixBackward ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>,
                ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
                ArrayView<float>, int, int, int, float, int>(AttentionPrefixKernels.Backward))(
                (Groups(N, 1, H, 1), AttentionPrefixKernels.BlockSize), qkv.View, lengths.View, keys.View,
                values.View, z.View, logSumExp.View, dZ.View, dQkv.View, H, D, capacity, scale,
                Aligned(D, qkv, keys, values, z, dZ));
    }

    (int D, int Capacity) RequirePrefix(Tensor qkv, IndexTensor lengths, Tensor keys, Tensor values, Tensor z,
        Tensor logSumExp, int N, int H, [CallerMemberName] string op = "")
    {
        int D = HeadSize(qkv, N, 1, H, op);
        Require(lengths.Length == N, $"{lengths} must have {N} entries.", op);
        Require(z.Length == (long)N * H * D, $"{z} must have [{N}, {H * D}].", op);
        Require(logSumExp.Length == (long)N * H, $"{logSumExp} must have [{N}, {H}].", op);
        RequireHeadFits(D, op);
        return (D, Capacity(keys, values, 1, H, D, op));
    }
}
