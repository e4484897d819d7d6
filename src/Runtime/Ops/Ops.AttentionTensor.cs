using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime;

/// <summary>Attention on tensor cores, loaded: qkv, lengths, z, logSumExp, T, H, D, scale, aligned.</summary>
delegate void TensorAttention(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> qkv, ArrayView<int> lengths,
    ArrayView<float> z, ArrayView<float> logSumExp, int T, int H, int D, float scale, int aligned);

/// <summary>Its gradient: qkv, lengths, logSumExp, rowDots, dZ, dQkv, T, H, D, scale, aligned.</summary>
delegate void TensorAttentionBackward(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> qkv, ArrayView<int> lengths,
    ArrayView<float> logSumExp, ArrayView<float> rowDots, ArrayView<float> dZ, ArrayView<float> dQkv,
    int T, int H, int D, float scale, int aligned);

public sealed unsafe partial class Ops
{
    readonly Dictionary<Precision, TensorAttention> _tensorAttention = [];
    readonly Dictionary<Precision, (TensorAttentionBackward Queries,
        TensorAttentionBackward Keys)> _tensorGradient = [];

    /// <summary>
    /// Whether attention over heads of D runs in the device's reduced precision; wider heads stay float32.
    /// </summary>
    bool AttendsReduced(int D)
        => Device.Precision != Precision.Fp32 && D <= AttentionTensorKernels.MaxHeadSize;

    TensorAttention ReducedAttention()
    {
        if (_tensorAttention.TryGetValue(Device.Precision, out TensorAttention? kernel))
            return kernel;
        Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int, int, float,
            int> body =
            (Gpu is CudaAccelerator, Device.Precision) switch
            {
                (true, Precision.Tf32) => AttentionTensorKernels.ForwardTf32<PtxTensorCores>,
                (true, _) => AttentionTensorKernels.ForwardBf16<PtxTensorCores>,
                (false, Precision.Tf32) => AttentionTensorKernels.ForwardTf32<ShuffleTensorCores>,
                (false, _) => AttentionTensorKernels.ForwardBf16<ShuffleTensorCores>,
            };
        return _tensorAttention[Device.Precision] = LoadTensor<TensorAttention>(body);
    }

    (TensorAttentionBackward Queries, TensorAttentionBackward Keys) ReducedAttentionBackward()
    {
        if (_tensorGradient.TryGetValue(Device.Precision, out var kernels))
            return kernels;
        kernels = Gpu is CudaAccelerator
            ? LoadGradient<PtxTensorCores>() : LoadGradient<ShuffleTensorCores>();
        return _tensorGradient[Device.Precision] = kernels;
    }

    (TensorAttentionBackward, TensorAttentionBackward) LoadGradient<TCores>()
        where TCores : struct, ITensorCores
        => Device.Precision == Precision.Tf32
            ? (LoadBackwardTensor(AttentionTensorBackwardKernels.QueriesTf32<TCores>),
                LoadBackwardTensor(AttentionTensorBackwardKernels.KeysAndValuesTf32<TCores>))
            : (LoadBackwardTensor(AttentionTensorBackwardKernels.QueriesBf16<TCores>),
                LoadBackwardTensor(AttentionTensorBackwardKernels.KeysAndValuesBf16<TCores>));

    TensorAttentionBackward LoadBackwardTensor(
        Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, int, int, int, float, int> body)
        => LoadTensor<TensorAttentionBackward>(body);

    TLauncher LoadTensor<TLauncher>(Delegate body)
        where TLauncher : Delegate
        => Gpu is CudaAccelerator cuda
            ? InlinePtxKernel.Load<TLauncher>(cuda, body.Method)
            : Gpu.LoadKernel(body.Method).CreateLauncherDelegate<TLauncher>();
}
