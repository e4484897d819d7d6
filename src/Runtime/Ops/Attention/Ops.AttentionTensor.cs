using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime;

/// <summary>Attention on tensor cores, loaded: qkv, lengths, z, logSumExp, T, H, D, scale, aligned.</summary>
delegate void TensorAttention(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> qkv, ArrayView<int> lengths,
    ArrayView<float> z, ArrayView<float> logSumExp, int T, int H, int D, float scale, int aligned);

/// <summary>
/// The gradient of attention on tensor cores, loaded: qkv, lengths, logSumExp, rowDots, dZ, dQkv, T, H, D,
/// scale, aligned.
/// </summary>
delegate void TensorAttentionBackward(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> qkv, ArrayView<int> lengths,
    ArrayView<float> logSumExp, ArrayView<float> rowDots, ArrayView<float> dZ, ArrayView<float> dQkv,
    int T, int H, int D, float scale, int aligned);

public sealed unsafe partial class Ops
{
    readonly Dictionary<(Precision Precision, bool Wide), TensorAttention> _tensorAttention = [];
    readonly Dictionary<(Precision Precision, bool Wide), (TensorAttentionBackward Queries,
        TensorAttentionBackward Keys)> _tensorGradient = [];

    /// <summary>
    /// Whether attention over heads of D runs in the device's reduced precision.
    /// </summary>
    bool AttendsReduced(int D)
        => Device.Precision != Precision.Fp32 && D <= AttentionTensorKernels.MaxHeadSize;

    TensorAttention ReducedAttention(int D)
    {
        (Precision, bool Wide) key = (Device.Precision, D > AttentionKernels.NarrowHead);
        if (!_tensorAttention.TryGetValue(key, out TensorAttention? kernel))
            _tensorAttention[key] = kernel = InlinePtxKernel.Load<TensorAttention>(Gpu,
                ((Gpu is CudaAccelerator, key.Wide) switch
            {
                (true, false) => ForwardOf<PtxTensorCores, OneChunk>(),
                (true, true) => ForwardOf<PtxTensorCores, TwoChunks>(),
                (false, false) => ForwardOf<SimulatorTensorCores, OneChunk>(),
                (false, true) => ForwardOf<SimulatorTensorCores, TwoChunks>(),
            }).Method);
        return kernel;
    }

    Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int, int, float, int>
        ForwardOf<TCores, THead>()
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => Device.Precision == Precision.Tf32
            ? AttentionTensorKernels.ForwardTf32<TCores, THead>
            : AttentionTensorKernels.ForwardBf16<TCores, THead>;

    (TensorAttentionBackward Queries, TensorAttentionBackward Keys) ReducedAttentionBackward(int D)
    {
        (Precision, bool Wide) key = (Device.Precision, D > AttentionKernels.NarrowHead);
        if (!_tensorGradient.TryGetValue(key, out var kernels))
            _tensorGradient[key] = kernels = (Gpu is CudaAccelerator, key.Wide) switch
            {
                (true, false) => LoadGradient<PtxTensorCores, OneChunk>(),
                (true, true) => LoadGradient<PtxTensorCores, TwoChunks>(),
                (false, false) => LoadGradient<SimulatorTensorCores, OneChunk>(),
                (false, true) => LoadGradient<SimulatorTensorCores, TwoChunks>(),
            };
        return kernels;
    }

    (TensorAttentionBackward, TensorAttentionBackward) LoadGradient<TCores, THead>()
        where TCores : struct, ITensorCores
        where THead : struct, IHeadChunks
        => Device.Precision == Precision.Tf32
            ? LoadGradient<TCores, Tf32Number, THead>() : LoadGradient<TCores, Bf16Number, THead>();

    (TensorAttentionBackward, TensorAttentionBackward) LoadGradient<TCores, TNumber, THead>()
        where TCores : struct, ITensorCores
        where TNumber : struct, ITensorNumber
        where THead : struct, IHeadChunks
        => (LoadGradient(AttentionTensorBackwardKernels.Queries<TCores, TNumber, THead>),
            LoadGradient(AttentionTensorBackwardKernels.KeysAndValues<TCores, TNumber, THead>));

    TensorAttentionBackward LoadGradient(
        Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, int, int, int, float, int> body)
        => InlinePtxKernel.Load<TensorAttentionBackward>(Gpu, body.Method);
}
