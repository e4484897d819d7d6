using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime;

/// <summary>
/// Edited attention, loaded: qkv, lengths, z, logSumExp, table, edits, T, H, D, scale, aligned.
/// </summary>
delegate void EditedAttention(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> qkv, ArrayView<int> lengths,
    ArrayView<float> z, ArrayView<float> logSumExp, ArrayView<int> table, int edits,
    int T, int H, int D, float scale, int aligned);

/// <summary>Edited attention before it is loaded; arguments as in <see cref="EditedAttention"/>.</summary>
delegate void EditedAttentionBody(
    ArrayView<float> qkv, ArrayView<int> lengths, ArrayView<float> z, ArrayView<float> logSumExp,
    ArrayView<int> table, int edits, int T, int H, int D, float scale, int aligned);

public sealed unsafe partial class Ops
{
    readonly Dictionary<(bool Wide, Precision Precision), EditedAttention> _attentionEdited = [];

    /// <summary>
    /// Writes z and logSumExp as <see cref="Attention"/> does and edits z on the way: the bits of
    /// <see cref="EditScale"/> and <see cref="EditAdd"/> afterwards, without their launches. Only on ILGPU
    /// devices: the host's separate pass reads from cache.
    /// </summary>
    public void AttentionEdited(
        Tensor qkv, IndexTensor lengths, Tensor z, Tensor logSumExp, FusedZEdits edits,
        int B, int T, int H, float scale)
    {
        int D = RequireAttention(qkv, lengths, z, logSumExp, B, T, H);
        Require(!Host, $"z is edited as it is stored on ILGPU devices alone.");
        Require(edits.Table.Length >= (long)edits.Count * (HeadEdit.Header + B * T),
            $"{edits.Table} must hold {edits.Count} edits of {(long)B * T} rows.");
        CountOp();
        if (z.Length == 0)
            return;
        bool reduced = AttendsReduced(D);
        (int tile, int block) = reduced
            ? (AttentionTensorKernels.QueryTile, AttentionTensorKernels.BlockSize)
            : (AttentionKernels.QueryTile, AttentionKernels.BlockSize);
        EditedAttentionKernel(D > AttentionKernels.NarrowHead, reduced ? Device.Precision : Precision.Fp32)(
            Gpu.DefaultStream, (Groups(B, T, H, tile), block), qkv.View, lengths.View, z.View, logSumExp.View,
            edits.Table.View, edits.Count, T, H, D, scale, Aligned(D, qkv, z));
    }

    EditedAttention EditedAttentionKernel(bool wide, Precision precision)
    {
        if (_attentionEdited.TryGetValue((wide, precision), out EditedAttention? kernel))
            return kernel;
        EditedAttentionBody portable = wide
            ? AttentionKernels.ForwardWideEdited : AttentionKernels.ForwardEdited;
        kernel = precision == Precision.Fp32
            ? Gpu.LoadKernel(portable.Method).CreateLauncherDelegate<EditedAttention>()
            : InlinePtxKernel.Load<EditedAttention>(Gpu, ((Gpu is CudaAccelerator, wide) switch
            {
                (true, false) => EditedOf<PtxTensorCores, OneChunk>(),
                (true, true) => EditedOf<PtxTensorCores, TwoChunks>(),
                (false, false) => EditedOf<SimulatorTensorCores, OneChunk>(),
                (false, true) => EditedOf<SimulatorTensorCores, TwoChunks>(),
            }).Method);
        return _attentionEdited[(wide, precision)] = kernel;
    }

    EditedAttentionBody EditedOf<TCores, THead>()
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => Device.Precision == Precision.Tf32
            ? AttentionTensorKernels.ForwardTf32Edited<TCores, THead>
            : AttentionTensorKernels.ForwardBf16Edited<TCores, THead>;
}
