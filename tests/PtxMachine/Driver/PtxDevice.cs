namespace HeadTap.PtxMachine;

/// <summary>One device of the driver: an architecture, the memory that stands for the card's, and what
/// runs its launches, one after the other.</summary>
public sealed class PtxDevice
{
    readonly Lock _queue = new();

    internal PtxDevice(int number, PtxArchitecture architecture, MachineChecks checks)
    {
        Number = number;
        Architecture = architecture;
        Sheet = DeviceSheet.Of(architecture);
        // Half of what the process may use: the other half is for the host's side of the same job.
        long host = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 2;
        Memory = new(Math.Min(Sheet.MemoryBytes, host));
        Gpu = new(architecture, Memory, checks);
    }

    /// <summary>What the driver's callers know it by: 0 for the first.</summary>
    public int Number { get; }

    /// <summary>What the device imitates.</summary>
    public PtxArchitecture Architecture { get; }

    /// <summary>Everything cuMemAlloc gave out on it.</summary>
    public DeviceMemory Memory { get; }

    /// <summary>Runs its launches; its counters go on from launch to launch.</summary>
    public PtxGpu Gpu { get; }

    internal DeviceSheet Sheet { get; }

    /// <summary>Does <paramref name="work"/> when all work given before is done.</summary>
    internal void InOrder(Action work)
    {
        lock (_queue)
            work();
    }
}
