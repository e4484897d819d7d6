using System.Reflection;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime;

/// <summary>
/// Lets OpenCL devices in that ILGPU would refuse. ILGPU demands the generic address space; our kernels keep
/// every pointer in the space it was declared in and never need it. PoCL 3.1 (Debian 12) lacks it, and with the
/// flag set by hand all kernels run there, shared memory and barriers included.
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
        const int groupSize = 256, localBytes = 32 * 1024; // what the largest portable kernel asks for
        if (device.MaxNumThreadsPerGroup < groupSize)
            return $"groups end at {device.MaxNumThreadsPerGroup} threads; kernels need {groupSize}";
        if (device.MaxSharedMemoryPerGroup < localBytes)
            return $"{device.MaxSharedMemoryPerGroup} bytes of local memory; kernels need {localBytes}";
        return device.Capabilities.GenericAddressSpace ? null
            : "no generic address space, and this ILGPU does not let us do without";
    }
}
