using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime;

/// <summary>Whether a driver failed because the device's memory is full.</summary>
static class DeviceMemoryFailure
{
    /// <summary>True for CUDA's out of memory and OpenCL's failures to allocate.</summary>
    internal static bool Is(Exception failure) => failure switch
    {
        CudaException cuda => cuda.Error == nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY),
        CLException cl => cl.Error is CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE
            or CLError.CL_OUT_OF_HOST_MEMORY,
        OutOfMemoryException => true,
        _ => failure.InnerException is { } inner && Is(inner),
    };
}
