using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A device that was found, or one that was refused and why.</summary>
/// <param name="Name">The name by which it is opened: cpu, simulator, opencl, opencl:1, cuda ...</param>
/// <param name="Kind">What runs it: cpu, simulator, opencl or cuda.</param>
/// <param name="Usable">Whether it can be opened.</param>
/// <param name="Auto">Whether the name auto stands for it.</param>
/// <param name="Refusal">Why it cannot be opened, in one line; null where it can.</param>
/// <param name="Description">The vendor's name for it.</param>
/// <param name="MemoryBytes">Its memory, bytes; for the host, what the process may use.</param>
/// <param name="LargestBufferBytes">Bytes of the largest allocation; 0 where the memory limits it.</param>
/// <param name="GroupSize">Largest group of threads; for the host, its threads.</param>
/// <param name="SharedBytes">Bytes that a group of threads may share; 0 where nothing limits them.</param>
/// <param name="Gpu">Whether it is a graphics processor.</param>
/// <param name="Details">Vector width, threads, driver.</param>
public sealed record FoundDevice(string Name, string Kind, bool Usable, bool Auto, string? Refusal,
    string Description, long MemoryBytes, long LargestBufferBytes, int GroupSize, long SharedBytes, bool Gpu,
    string Details);

/// <summary>Lists devices: those that were found, and those that were refused with the reason.</summary>
public static class DevicesJob
{
    /// <summary>Runs the job.</summary>
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
