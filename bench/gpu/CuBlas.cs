using System.Runtime.InteropServices;
using HeadTap.Runtime;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Gpu;

/// <summary>How cuBLAS multiplies float32 matrices.</summary>
enum CuBlasMode
{
    /// <summary>CUBLAS_COMPUTE_32F.</summary>
    Float32 = 68,

    /// <summary>CUBLAS_COMPUTE_32F_FAST_16BF: operands rounded to bfloat16.</summary>
    BFloat16 = 75,

    /// <summary>CUBLAS_COMPUTE_32F_FAST_TF32: operands rounded to TF32.</summary>
    TF32 = 77,
}

/// <summary>
/// NVIDIA's matrix product, where its library is on the machine, on the context and stream of our device.
/// </summary>
sealed unsafe class CuBlas : IDisposable
{
    const int Float = 0, Default = -1; // CUDA_R_32F, CUBLAS_GEMM_DEFAULT
    static readonly string[] s_names = ["libcublas.so.13", "libcublas.so.12", "libcublas.so.11"];
    readonly delegate* unmanaged<nint, int, int, int, int, int, float*, void*, int, int, void*, int, int,
        float*, void*, int, int, int, int, int> _gemm;
    readonly delegate* unmanaged<nint, int> _destroy;
    readonly nint _handle;

    CuBlas(ComputeDevice device, nint library)
    {
        device.Accelerator!.Bind();
        nint handle = 0;
        nint Export(string name) => NativeLibrary.GetExport(library, name);
        Check(((delegate* unmanaged<nint*, int>)Export("cublasCreate_v2"))(&handle), "cublasCreate");
        _handle = handle;
        nint stream = ((CudaStream)device.Accelerator.DefaultStream).StreamPtr;
        Check(((delegate* unmanaged<nint, nint, int>)Export("cublasSetStream_v2"))(handle, stream),
            "cublasSetStream");
        int version = 0;
        Check(((delegate* unmanaged<nint, int*, int>)Export("cublasGetVersion_v2"))(handle, &version),
            "cublasGetVersion");
        Version = $"{version}";
        _gemm = (delegate* unmanaged<nint, int, int, int, int, int, float*, void*, int, int, void*, int, int,
            float*, void*, int, int, int, int, int>)Export("cublasGemmEx");
        _destroy = (delegate* unmanaged<nint, int>)Export("cublasDestroy_v2");
    }

    /// <summary>As cuBLAS counts: 120205 or so.</summary>
    public string Version { get; }

    /// <summary>
    /// The library of the system, or of a folder such as PyTorch's own; null where there is none.
    /// </summary>
    /// <param name="device">A CUDA device; null is returned for others.</param>
    /// <param name="folders">Where to look besides the system.</param>
    internal static CuBlas? Open(ComputeDevice device, IEnumerable<string> folders)
    {
        if (device.Kind != DeviceKind.Cuda)
            return null;
        foreach (string folder in folders.Append("/usr/local/cuda/lib64").Prepend(""))
            foreach (string name in s_names)
                if (NativeLibrary.TryLoad(Path.Combine(folder, name), out nint library))
                    return new CuBlas(device, library);
        return null;
    }

    /// <summary>
    /// Queues a product of row-major matrices: <c>N</c> y = x W, <c>T</c> y = x Wᵀ, <c>G</c> y += xᵀ W; y is
    /// [M, N], and K terms make a sum.
    /// </summary>
    internal void Product(char form, int M, int N, int K, Tensor x, Tensor w, Tensor y, CuBlasMode mode)
    {
        // Row-major is column-major transposed, so cuBLAS is asked for yᵀ with the operands exchanged.
        const int plain = 0, transposed = 1;
        float one = 1, into = form == 'G' ? 1 : 0;
        int wTurn = form == 'T' ? transposed : plain, xTurn = form == 'G' ? transposed : plain;
        int wRow = form == 'T' ? K : N, xRow = form == 'G' ? M : K;
        Check(_gemm(_handle, wTurn, xTurn, N, M, K, &one, Pointer(w), Float, wRow, Pointer(x), Float, xRow,
            &into, Pointer(y), Float, N, (int)mode, Default), "cublasGemmEx");
    }

    /// <inheritdoc/>
    public void Dispose() => _destroy(_handle);

    static void* Pointer(Tensor tensor) => (void*)tensor.View.LoadEffectiveAddressAsPtr();

    static void Check(int status, string call)
    {
        if (status != 0)
            throw new InvalidOperationException($"{call} returned status {status}.");
    }
}
