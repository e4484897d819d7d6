using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        int, int, int, int>? _attentionRowDots;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, int, int, int, float, int>?
        _attentionQueries, _attentionQueriesWide, _attentionKeys, _attentionKeysWide;

    /// <summary>Writes the gradient of <see cref="Attention"/>, computing its pattern again.</summary>
    /// <param name="qkv">[B*T, 3C], the forward pass' input.</param>
    /// <param name="lengths">[B]</param>
    /// <param name="z">[B*T, C], the forward pass' output.</param>
    /// <param name="logSumExp">[B, H, T], from the forward pass.</param>
    /// <param name="dZ">[B*T, C]; padding rows are not read.</param>
    /// <param name="rowDots">[B, H, T]: room for what two kernels share; the host path leaves it as it
    /// is.</param>
    /// <param name="dQkv">[B*T, 3C]; zeros in padding rows. Not one of the inputs.</param>
    /// <param name="B">Rows of the batch.</param>
    /// <param name="T">Tokens per row, padding included.</param>
    /// <param name="H">Heads.</param>
    /// <param name="scale">The factor of the scores, as in the forward pass.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or a head is too wide for the
    /// device.</exception>
    public void AttentionBackward(
        Tensor qkv, IndexTensor lengths, Tensor z, Tensor logSumExp, Tensor dZ, Tensor rowDots, Tensor dQkv,
        int B, int T, int H, float scale)
    {
        int D = HeadSize(qkv, B, T, H);
        Require(lengths.Length == B, $"{lengths} must have {B} entries.");
        Require(z.Length == (long)B * T * H * D && dZ.Length == z.Length,
            $"{z} and {dZ} must have [{(long)B * T}, {H * D}].");
        Require(logSumExp.Length == (long)B * H * T && rowDots.Length == logSumExp.Length,
            $"{logSumExp} and {rowDots} must have [{B}, {H}, {T}].");
        Require(dQkv.Length == qkv.Length, $"{dQkv} must have the shape of {qkv}.");
        RequireHeadFits(D);
        CountOp();
        if (z.Length == 0)
            return;
        if (Host)
        {
            AttentionBackwardHost.Backward(qkv.Pointer, lengths.Pointer, z.Pointer, logSumExp.Pointer,
                dZ.Pointer, dQkv.Pointer, B, T, H, D, scale);
            return;
        }
        (_attentionRowDots ??= Gpu.LoadStreamKernel<ArrayView<int>, ArrayView<float>,
            ArrayView<float>, ArrayView<float>, int, int, int, int>(AttentionBackwardKernels.RowDots))(
            Elements(rowDots.Length), lengths.View, z.View, dZ.View, rowDots.View, T, H, D,
            Aligned(D, z, dZ));
        int aligned = Aligned(D, qkv, dZ, dQkv);
        if (AttendsReduced(D))
        {
            var (queries, keys) = ReducedAttentionBackward(D);
            KernelConfig tiles = (Groups(B, T, H, AttentionTensorBackwardKernels.OwnedTile),
                AttentionTensorBackwardKernels.BlockSize);
            queries(Gpu.DefaultStream, tiles, qkv.View, lengths.View, logSumExp.View, rowDots.View, dZ.View,
                dQkv.View, T, H, D, scale, aligned);
            keys(Gpu.DefaultStream, tiles, qkv.View, lengths.View, logSumExp.View, rowDots.View, dZ.View,
                dQkv.View, T, H, D, scale, aligned);
            return;
        }
        KernelConfig grid = (Groups(B, T, H, AttentionBackwardKernels.OwnedTile),
            AttentionBackwardKernels.BlockSize);
        AttentionQueriesKernel(D)(grid, qkv.View, lengths.View, logSumExp.View, rowDots.View, dZ.View,
            dQkv.View, T, H, D, scale, aligned);
        AttentionKeysKernel(D)(grid, qkv.View, lengths.View, logSumExp.View, rowDots.View, dZ.View,
            dQkv.View, T, H, D, scale, aligned);
    }

    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, int, int, int, float, int> AttentionQueriesKernel(int D)
        => D <= AttentionKernels.NarrowHead
            ? _attentionQueries ??= LoadBackward(AttentionBackwardKernels.Queries)
            : _attentionQueriesWide ??= LoadBackward(AttentionBackwardKernels.QueriesWide);

    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, int, int, int, float, int> AttentionKeysKernel(int D)
        => D <= AttentionKernels.NarrowHead
            ? _attentionKeys ??= LoadBackward(AttentionBackwardKernels.KeysAndValues)
            : _attentionKeysWide ??= LoadBackward(AttentionBackwardKernels.KeysAndValuesWide);

    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        ArrayView<float>, ArrayView<float>, int, int, int, float, int> LoadBackward(
        Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, int, int, int, float, int> kernel)
        => Gpu.LoadStreamKernel(kernel);
}
