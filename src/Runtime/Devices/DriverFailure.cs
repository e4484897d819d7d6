using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime;

/// <summary>Why a device's driver fails, and what to tell a user.</summary>
public static class DriverFailure
{
    /// <summary>Why a driver failed and what to do, in one line; null for every other failure.</summary>
    /// <remarks>
    /// It names options by <see cref="Field.Of"/>. Call it from an exception filter: there the device still
    /// lives, and its kernels can be asked. After that the line has no kernel.
    /// </remarks>
    public static string? Explain(Exception failure)
    {
        for (Exception? e = failure; e is not null; e = e.InnerException)
            switch (e)
            {
                case CLException or CudaException when IsMemory(e):
                    return "the device ran out of memory; use a smaller batch, shorter rows, or "
                        + $"{Field.Of("Device")} cpu";
                case CLException driver:
                    return $"the OpenCL driver failed with {driver.Error}: "
                        + (OpenClKernelLimits.FirstRefusal() ?? "no kernel asks for more than it gives")
                        + $"; use {Field.Of("Device")} cpu, or another driver";
                case CudaException driver:
                    return $"the CUDA driver failed with {driver.Error}: {Quoted.Line(driver.Message)}; use "
                        + $"{Field.Of("Device")} cpu, or another driver";
                default:
                    break;
            }
        return null;
    }

    /// <summary>True for CUDA's out of memory and OpenCL's failures to allocate, of this failure or of one
    /// inside it.</summary>
    internal static bool IsMemory(Exception failure) => failure switch
    {
        CudaException cuda => cuda.Error == nameof(CudaError.CUDA_ERROR_OUT_OF_MEMORY),
        CLException cl => cl.Error is CLError.CL_MEM_OBJECT_ALLOCATION_FAILURE
            or CLError.CL_OUT_OF_HOST_MEMORY,
        OutOfMemoryException => true,
        _ => failure.InnerException is { } inner && IsMemory(inner),
    };
}
