using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A device that was found, and the reason if it cannot be used.</summary>
/// <param name="Name">Name to open it by: cpu, simulator, opencl, opencl:1, cuda ...</param>
/// <param name="Kind">Backend: cpu, simulator, opencl or cuda.</param>
/// <param name="Usable">Whether it can be opened.</param>
/// <param name="Auto">Whether auto selects it.</param>
/// <param name="Refusal">Reason why it cannot be opened, in one line; null if it can.</param>
/// <param name="Description">Name by its vendor.</param>
/// <param name="MemoryBytes">Memory in bytes; for the host, the memory that the process may use.</param>
/// <param name="LargestBufferBytes">Largest allocation in bytes; 0 if only the memory limits it.</param>
/// <param name="GroupSize">Largest number of threads in a group; for the host, its number of threads.</param>
/// <param name="SharedBytes">Shared memory of a group of threads in bytes; 0 if unlimited.</param>
/// <param name="Gpu">Whether it is a graphics processor.</param>
/// <param name="Details">Further facts: vector width, threads, driver.</param>
public sealed record FoundDevice(string Name, string Kind, bool Usable, bool Auto, string? Refusal,
    string Description, long MemoryBytes, long LargestBufferBytes, int GroupSize, long SharedBytes, bool Gpu,
    string Details);

/// <summary>Lists the devices that were found, with the reason for those that cannot be used.</summary>
public static class DevicesJob
{
    /// <summary>Runs the job and returns its result.</summary>
    public static IReadOnlyList<FoundDevice> Run()
    {
        IReadOnlyList<DeviceEntry> all = DeviceCatalog.List();
        string automatic = DeviceCatalog.Automatic().Name;
        return
        [
            .. all.Select(d => new FoundDevice(d.Name, d.Kind.ToString().ToLowerInvariant(),
                d.Refusal is null, d.Name == automatic, d.Refusal, d.Description, d.MemoryInBytes,
                d.LargestBuffer, d.GroupSize, d.SharedBytes, d.IsGpu, d.Details)),
        ];
    }
}
