using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime;

/// <summary>A device that was found, or one that was refused and why.</summary>
/// <param name="Name">The name by which it is opened: cpu, simulator, opencl, opencl:1, cuda, ptx …</param>
/// <param name="Kind">What runs it.</param>
/// <param name="Description">The vendor's name for it.</param>
/// <param name="MemoryInBytes">Its memory; for the host, what the process may use.</param>
/// <param name="GroupSize">Largest group of threads; for the host, its threads.</param>
/// <param name="Refusal">Null when usable, else the reason in one line.</param>
/// <param name="IsGpu">True for a graphics processor: <c>auto</c> chooses only those and the host.</param>
/// <param name="Details">Vector width, threads, driver.</param>
public sealed record DeviceEntry(
    string Name, DeviceKind Kind, string Description, long MemoryInBytes, int GroupSize,
    string? Refusal, bool IsGpu, string Details)
{
    /// <summary>Bytes that a group of threads may share; 0 where nothing limits them.</summary>
    public long SharedBytes { get; init; }

    /// <summary>Bytes of the largest single allocation; 0 where only the memory limits it.</summary>
    public long LargestBuffer { get; init; }
}

/// <summary>Lists devices: what was found and what was refused.</summary>
public static class DeviceCatalog
{
    /// <summary>Every device, in the order in which <c>auto</c> prefers them.</summary>
    public static IReadOnlyList<DeviceEntry> List()
        => [.. Cuda(), .. OpenCl(), Host(), Simulator(), .. Ptx()];

    /// <summary>
    /// The device <c>auto</c> stands for: the first CUDA one, else an OpenCL GPU, else the host.
    /// </summary>
    public static DeviceEntry Automatic() => Automatic(List());

    internal static DeviceEntry Automatic(IEnumerable<DeviceEntry> listed)
        => listed.First(d => d.Refusal is null && (d.IsGpu || d.Kind == DeviceKind.Cpu));

    internal static DeviceEntry Host() => new(
        "cpu", DeviceKind.Cpu, $"host path, {Counted.Of(Environment.ProcessorCount, "core")}",
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, HostThreads.Count, null, false,
        $"vectors of {HostSimd.Width} bits (best {HostSimd.BestWidth}), "
            + $"{Counted.Of(HostThreads.Count, "thread")}; products in fp32");

    static DeviceEntry Simulator() => new(
        "simulator", DeviceKind.Simulator, "ILGPU's CPU accelerator: kernels with bounds checks, for tests",
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, 1024, null, false, "warps of 32 threads");

    static IEnumerable<DeviceEntry> Ptx() => PtxMachineDriver.Present ? [PtxMachineDriver.Listed()] : [];

    static IEnumerable<DeviceEntry> OpenCl()
    {
        if (!DriverLibraries.Present("opencl"))
            return [Missing("opencl", DeviceKind.OpenCl,
                "no OpenCL loader (libOpenCL.so.1): install the vendor's driver, or "
                + "pocl-opencl-icd for CPUs")];
        var found = new List<DeviceEntry>();
        int index = 0;
        try
        {
            using Context context = IlgpuContext.Create(b => b.OpenCL(OpenClAdmission.Admit));
            foreach (CLDevice device in context.GetCLDevices())
                found.Add(Describe(device, index++));
        }
        catch (Exception e) when (e is CLException or DllNotFoundException or InvalidOperationException
            or UserException)
        {
            return [Missing("opencl", DeviceKind.OpenCl, $"the OpenCL driver failed: {e.Message}")];
        }
        return found.Count > 0 ? found : [Missing("opencl", DeviceKind.OpenCl,
            "the OpenCL loader lists no device: no vendor driver is registered")];
    }

    static DeviceEntry Describe(CLDevice device, int index)
    {
        bool gpu = device.DeviceType.HasFlag(CLDeviceType.CL_DEVICE_TYPE_GPU);
        string? refusal = OpenClAdmission.Refusal(device);
        return new(Indexed("opencl", index), DeviceKind.OpenCl, device.Name, device.MemorySize,
            device.MaxNumThreadsPerGroup, refusal, gpu,
            $"{device.PlatformName}; " + (gpu ? "GPU" : "not a GPU, so auto does not choose it")
            + $"; {Tiles(device.NumMultiprocessors)} in fp32")
        {
            SharedBytes = device.MaxSharedMemoryPerGroup,
            LargestBuffer = OpenClAdmission.LargestBuffer(device),
        };
    }

    static IEnumerable<DeviceEntry> Cuda()
    {
        if (DriverLibraries.CudaIsReplaced)
            return [Missing("cuda", DeviceKind.Cuda, "the device ptx stands in for it in this process")];
        if (!DriverLibraries.Present("cuda"))
            return [Missing("cuda", DeviceKind.Cuda, "no NVIDIA driver (libcuda.so.1)")];
        var found = new List<DeviceEntry>();
        int index = 0;
        try
        {
            using Context context = IlgpuContext.Create(b => b.Cuda());
            foreach (CudaDevice device in context.GetCudaDevices())
                found.Add(new(Indexed("cuda", index++), DeviceKind.Cuda, device.Name, device.MemorySize,
                    device.MaxNumThreadsPerGroup,
                    new GroupLimits(device.MaxNumThreadsPerGroup, device.MaxSharedMemoryPerGroup).Refusal(),
                    true,
                    $"{device.Architecture}; {device.NumMultiprocessors} multiprocessors; "
                    + $"{Tiles(device.NumMultiprocessors)} in "
                    + (Precisions.HasTensorCores(device.Architecture) ? "fp32, tf32 and bf16" : "fp32"))
                {
                    SharedBytes = device.MaxSharedMemoryPerGroup,
                });
        }
        catch (Exception e) when (e is CudaException or DllNotFoundException or InvalidOperationException
            or UserException)
        {
            return [Missing("cuda", DeviceKind.Cuda, $"the NVIDIA driver failed: {e.Message}")];
        }
        return found.Count > 0 ? found
            : [Missing("cuda", DeviceKind.Cuda, "the NVIDIA driver lists no device")];
    }

    // The choice of ProductPlan.
    static string Tiles(int multiprocessors)
        => $"products of {multiprocessors} tiles of 128 x 128 or more in those, others in 64 x 64,";

    static string Indexed(string name, int index) => index == 0 ? name : $"{name}:{index}";

    static DeviceEntry Missing(string name, DeviceKind kind, string reason)
        => new(name, kind, "", 0, 0, reason, false, "");
}
