using System.Reflection;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime;

/// <summary>
/// Lets OpenCL devices in that ILGPU would refuse. ILGPU demands the generic address space; our kernels keep
/// every pointer in the space it was declared in and never need it. PoCL 3.1 (Debian 12) lacks it, and with
/// the flag set by hand all kernels run there, shared memory and barriers included.
/// </summary>
static class OpenClAdmission
{
    /// <summary>Sets the flag; ILGPU calls this for each device it found.</summary>
    internal static bool Admit(CLDevice device)
    {
        PropertyInfo? flag = typeof(CLCapabilityContext).GetProperty("GenericAddressSpace");
        flag?.GetSetMethod(nonPublic: true)?.Invoke(device.Capabilities, [true]);
        return true;
    }

    /// <summary>Why a device cannot run our kernels, or null.</summary>
    internal static string? Refusal(CLDevice device)
    {
        return Limits(device).Refusal() ?? (device.Capabilities.GenericAddressSpace ? null
            : "no generic address space, and this ILGPU does not let us do without");
    }

    /// <summary>What the device says it gives a group.</summary>
    internal static GroupLimits Limits(CLDevice device)
        => new(device.MaxNumThreadsPerGroup, device.MaxSharedMemoryPerGroup);

    /// <summary>Bytes of the largest single allocation; often a quarter of the memory.</summary>
    internal static long LargestBuffer(CLDevice device)
        => (long)device.GetDeviceInfo<ulong>(CLDeviceInfoType.CL_DEVICE_MAX_MEM_ALLOC_SIZE);
}
