using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU;

namespace HeadTap.Runtime;

/// <summary>
/// Finds the drivers where a machine without development packages has them. On Linux ILGPU asks for
/// <c>libOpenCL.so</c> and <c>libcuda.so</c>; such machines have only the names with a version, and without
/// this their devices are silently missing.
/// </summary>
static class DriverLibraries
{
    static readonly (string Part, string[] Names)[] Candidates =
    [
        ("opencl", ["libOpenCL.so.1", "libOpenCL.so"]),
        ("cuda", ["libcuda.so.1", "libcuda.so", "/usr/lib/wsl/lib/libcuda.so.1",
            "/usr/local/nvidia/lib64/libcuda.so.1"]),
    ];

    static readonly Lock s_cuda = new();
    static bool s_cudaAsked;
    static nint s_cudaReplaced;

    /// <summary>True once ILGPU has been told where the NVIDIA driver is, or that there is none.</summary>
    internal static bool CudaIsTaken
    {
        get
        {
            lock (s_cuda)
                return s_cudaAsked && s_cudaReplaced == 0;
        }
    }

    /// <summary>True when another library stands in for the NVIDIA driver.</summary>
    internal static bool CudaIsReplaced
    {
        get
        {
            lock (s_cuda)
                return s_cudaReplaced != 0;
        }
    }

    // A module initialiser, because the resolver must stand before the first ILGPU call, whoever makes it.
#pragma warning disable CA2255
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Install()
    {
        if (OperatingSystem.IsLinux())
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, (name, _, _) => Resolve(name));
    }

    /// <summary>Gives ILGPU <paramref name="library"/> wherever it asks for the NVIDIA driver.</summary>
    /// <exception cref="InvalidOperationException">It has asked before.</exception>
    internal static void ReplaceCuda(nint library)
    {
        lock (s_cuda)
            s_cudaReplaced = s_cudaReplaced == library || !s_cudaAsked ? library
                : throw new InvalidOperationException("the NVIDIA driver is in use in this process");
    }

    /// <summary>True when the driver library of a kind of device can be loaded on this machine.</summary>
    internal static bool Present(string part)
    {
        if (OperatingSystem.IsWindows())
            return NativeLibrary.TryLoad(part == "cuda" ? "nvcuda.dll" : "OpenCL.dll", out _);
        if (OperatingSystem.IsMacOS())
            return part == "opencl"
                && NativeLibrary.TryLoad("/System/Library/Frameworks/OpenCL.framework/OpenCL", out _);
        return Find(part) != 0;
    }

    static nint Resolve(string asked)
    {
        if (asked != "cuda")
            return Find(asked);
        lock (s_cuda)
        {
            s_cudaAsked = true;
            return s_cudaReplaced != 0 ? s_cudaReplaced : Find(asked);
        }
    }

    static nint Find(string asked)
    {
        foreach ((string part, string[] names) in Candidates)
            if (asked.Contains(part, StringComparison.OrdinalIgnoreCase))
                foreach (string name in names)
                    if (NativeLibrary.TryLoad(name, out nint library))
                        return library;
        return 0; // ILGPU then looks by itself
    }
}
