using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>What a host asks before it chooses the blocks of a launch.</summary>
/// <remarks>Registers are left out: PTX does not say how many a block takes.</remarks>
static unsafe class DriverOccupancy
{
    [UnmanagedCallersOnly]
    internal static int Blocks(int* blocks, nint function, int threads, nint dynamicBytes)
        => DriverCall.Run(() => *blocks = Resident(
            DriverContexts.Current, DriverHandles.Get<PtxEntry>(function), threads, dynamicBytes));

    /// <summary>The largest block that keeps the most threads on a multiprocessor, and the blocks that fill
    /// the device.</summary>
    [UnmanagedCallersOnly]
    internal static int PotentialBlock(
        int* gridSize, int* blockSize, nint function, delegate* unmanaged<int, nint> sharedOfBlock,
        nint dynamicBytes, int limit) => DriverCall.Run(() =>
    {
        PtxDevice device = DriverContexts.Current;
        PtxEntry entry = DriverHandles.Get<PtxEntry>(function);
        int warp = device.Architecture.WarpSize;
        int largest = Math.Min(entry.MaxThreads, device.Architecture.MaxThreadsPerBlock);
        if (limit > 0)
            largest = Math.Min(largest, limit);
        (int Threads, int Blocks) best = default;
        for (int threads = largest; threads > 0; threads = (threads - 1) / warp * warp)
        {
            nint shared = sharedOfBlock == null ? dynamicBytes : sharedOfBlock(threads);
            int blocks = Resident(device, entry, threads, shared);
            if (blocks * threads > best.Blocks * best.Threads)
                best = (threads, blocks);
        }
        *blockSize = best.Threads;
        *gridSize = best.Blocks * device.Architecture.Multiprocessors;
    });

    /// <summary>Blocks of an entry that one multiprocessor holds at once; 0 when it cannot hold
    /// one.</summary>
    static int Resident(PtxDevice device, PtxEntry entry, int threads, long dynamicBytes)
    {
        PtxArchitecture limits = device.Architecture;
        if (threads < 1 || threads > Math.Min(entry.MaxThreads, limits.MaxThreadsPerBlock))
            return 0;
        int warps = (threads + limits.WarpSize - 1) / limits.WarpSize;
        int byThreads = limits.MaxThreadsPerMultiprocessor / (warps * limits.WarpSize);
        long bytes = entry.StaticSharedBytes + dynamicBytes + device.Sheet.ReservedSharedBytes;
        long byShared = bytes == 0 ? int.MaxValue : limits.SharedBytesPerMultiprocessor / bytes;
        return (int)Math.Min(Math.Min(byThreads, byShared), device.Sheet.Blocks);
    }
}
