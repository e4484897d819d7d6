namespace HeadTap.PtxMachine;

/// <summary>
/// A CUDA driver whose devices are PTX machines. A program that imports libcuda, ILGPU for one, runs on it
/// unchanged: <see cref="Install()"/> gives the handle of a library with the driver's functions, and the
/// program's <c>NativeLibrary.SetDllImportResolver</c> answers "cuda" with it.
/// </summary>
/// <remarks>Calls are synchronous: an error comes from the call that did wrong, not from a later one, and
/// does not end the context.</remarks>
public static class PtxDriver
{
    static readonly Lock s_once = new();
    static nint s_library;

    /// <summary>The devices, in the order of their numbers; none before the driver is installed.</summary>
    public static IReadOnlyList<PtxDevice> Devices => DriverDevices.All;

    /// <summary>The defect that the last failed load or launch ended with.</summary>
    public static PtxFault? LastFault => DriverCall.LastFault;

    /// <summary>Installs one device for each architecture, oldest first, with all checks but those that the
    /// environment variable HEADTAP_PTX takes away.</summary>
    /// <returns>The library, the same in every call.</returns>
    /// <exception cref="FormatException">The variable has an item that is none.</exception>
    public static nint Install()
    {
        lock (s_once)
            return s_library != 0 ? s_library : Install(
                PtxArchitecture.All,
                DriverChecks.Read(Environment.GetEnvironmentVariable(DriverChecks.Variable)));
    }

    /// <summary>Installs one device for each of <paramref name="architectures"/>; once in a
    /// process.</summary>
    /// <returns>The library.</returns>
    /// <exception cref="InvalidOperationException">The driver is installed already.</exception>
    /// <exception cref="PlatformNotSupportedException">Not Linux, or not a processor that .NET calls x64 or
    /// arm64.</exception>
    public static nint Install(IReadOnlyList<PtxArchitecture> architectures, MachineChecks checks)
    {
        ArgumentNullException.ThrowIfNull(architectures);
        ArgumentNullException.ThrowIfNull(checks);
        lock (s_once)
        {
            if (s_library != 0)
                throw new InvalidOperationException(
                    "the PTX machine's driver is installed once in a process");
            s_library = SharedObject.Load(DriverExports.All);
            DriverDevices.All = [.. architectures.Select((a, i) => new PtxDevice(i, a, checks))];
            return s_library;
        }
    }
}
