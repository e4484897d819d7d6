using System.Runtime.Loader;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime;

/// <summary>
/// The device <c>ptx</c>: an interpreter of PTX behind ILGPU's own CUDA path. It is an assembly beside the
/// program (tests/PtxMachine), not a part of the libraries, so nothing here refers to its types.
/// </summary>
/// <remarks>Once it is opened, it is this process's NVIDIA driver: ILGPU asks for one driver, once.</remarks>
static class PtxMachineDriver
{
    const string AssemblyName = "HeadTap.PtxMachine";

    // The architecture that `ptx` stands for: the first with the tensor cores' TF32 and BF16.
    const string Default = "sm_80";

    const string Taken = "this process has asked for the NVIDIA driver already, and ILGPU asks once";

    static readonly string[] s_architectures = ["sm_75", Default, "sm_90"];

    static readonly string s_file = Path.Combine(AppContext.BaseDirectory, $"{AssemblyName}.dll");

    /// <summary>True where the interpreter lies beside the program.</summary>
    internal static bool Present => File.Exists(s_file);

    /// <summary>The names by which it is opened.</summary>
    internal static string Names => string.Join(", ", s_architectures.Select(NameOf));

    /// <summary>Reads <c>ptx</c> or <c>ptx:sm_90</c>; null for a name of another kind.</summary>
    /// <exception cref="UserException">It begins so and is no name.</exception>
    internal static string? Architecture(string name)
    {
        if (name == "ptx")
            return Default;
        if (!name.StartsWith("ptx:", StringComparison.Ordinal))
            return null;
        string asked = name["ptx:".Length..];
        return s_architectures.Contains(asked) ? asked
            : throw new UserException($"device {name} is not a name; expected {Names}");
    }

    /// <summary>What the list of devices says of it.</summary>
    internal static DeviceEntry Listed() => new("ptx", DeviceKind.Cuda, Description(Default),
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2, 1024,
        DriverLibraries.CudaIsTaken ? Taken : null, false, Details);

    /// <summary>What an opened one is.</summary>
    internal static DeviceEntry Describe(string architecture, CudaDevice device)
        => new(NameOf(architecture), DeviceKind.Cuda, Description(architecture), device.MemorySize,
            device.MaxNumThreadsPerGroup, null, false, Details)
        {
            SharedBytes = device.MaxSharedMemoryPerGroup,
        };

    /// <summary>Makes it this process's NVIDIA driver, where it is not yet.</summary>
    /// <exception cref="UserException">It is not there, the system cannot, or another driver is in
    /// use.</exception>
    internal static void Install()
    {
        if (!Present)
            throw new UserException($"device ptx cannot be used: {AssemblyName}.dll is not beside the program"
                + "; use a build from source, dotnet run --project src/Cli");
        if (DriverLibraries.CudaIsTaken)
            throw new UserException($"device ptx cannot be used: {Taken}");
        try
        {
            var install = AssemblyLoadContext.Default.LoadFromAssemblyPath(s_file)
                .GetType($"{AssemblyName}.PtxDriver", throwOnError: true)!
                .GetMethod("Install", Type.EmptyTypes)!.CreateDelegate<Func<nint>>();
            DriverLibraries.ReplaceCuda(install());
        }
        catch (Exception e) when (e is PlatformNotSupportedException or DllNotFoundException or IOException
            or FormatException)
        {
            throw new UserException($"device ptx cannot be used: {Quoted.Line(e.Message)}", e);
        }
    }

    static string NameOf(string architecture) => architecture == Default ? "ptx" : $"ptx:{architecture}";

    static string Description(string architecture) => $"interpreter of PTX for {architecture}, for tests";

    static string Details
        => $"not a GPU, so auto does not choose it; opened as {Names}; ptx is {Default}";
}
