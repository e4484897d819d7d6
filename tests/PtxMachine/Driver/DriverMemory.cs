using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>Memory of devices, host memory that the driver gives out or registers, copies and
/// fills.</summary>
static unsafe class DriverMemory
{
    const int PageBytes = 4096;

    // Start and bytes: given out by cuMemAllocHost, and registered by the caller.
    static readonly ConcurrentDictionary<nint, long> s_pinned = [], s_registered = [];

    [UnmanagedCallersOnly]
    internal static int GetInfo(nint* free, nint* total) => DriverCall.Run(() =>
    {
        DeviceMemory memory = DriverContexts.Current.Memory;
        *total = (nint)memory.CapacityBytes;
        *free = (nint)(memory.CapacityBytes - memory.UsedBytes);
    });

    [UnmanagedCallersOnly]
    internal static int Allocate(nint* address, nint bytes) => DriverCall.Run(() =>
    {
        if (bytes <= 0)
            throw new DriverException(DriverError.InvalidValue, $"cuMemAlloc takes a length, not {bytes}");
        DeviceMemory memory = DriverContexts.Current.Memory;
        *address = memory.Allocate(bytes);
        if (*address == 0)
            throw new DriverException(DriverError.OutOfMemory,
                $"{bytes} bytes were asked for; {memory.CapacityBytes - memory.UsedBytes} of "
                + $"{memory.CapacityBytes} are free");
    });

    /// <summary>Ends an allocation; 0 is none.</summary>
    /// <remarks>ILGPU frees what it failed to allocate, and would hide why behind that error.</remarks>
    [UnmanagedCallersOnly]
    internal static int Free(nint address) => DriverCall.Run(() =>
    {
        if (address == 0)
            return;
        PtxDevice owner = OwnerOf(address) ?? throw new DriverException(
            DriverError.InvalidValue, $"0x{address:x} is no device memory");
        owner.InOrder(() => owner.Memory.Free(address));
    });

    [UnmanagedCallersOnly]
    internal static int AllocateHost(nint* address, nint bytes) => DriverCall.Run(() =>
    {
        *address = (nint)NativeMemory.AlignedAlloc((nuint)bytes, PageBytes);
        s_pinned[*address] = bytes;
    });

    [UnmanagedCallersOnly]
    internal static int FreeHost(nint address) => DriverCall.Run(() =>
    {
        if (!s_pinned.TryRemove(address, out _))
            throw new DriverException(DriverError.InvalidValue, $"0x{address:x} is not from cuMemAllocHost");
        NativeMemory.AlignedFree((void*)address);
    });

    /// <summary>Notes host memory of the caller. Kernels may not touch it: a launch that does is a
    /// fault.</summary>
    [UnmanagedCallersOnly]
    internal static int RegisterHost(nint address, nint bytes, int flags) => DriverCall.Run(() =>
    {
        if (bytes <= 0 || !s_registered.TryAdd(address, bytes))
            throw new DriverException(DriverError.InvalidValue,
                $"{bytes} bytes at 0x{address:x} cannot be registered, or are already");
    });

    [UnmanagedCallersOnly]
    internal static int UnregisterHost(nint address) => DriverCall.Run(() =>
    {
        if (!s_registered.TryRemove(address, out _))
            throw new DriverException(DriverError.InvalidValue, $"0x{address:x} is not registered");
    });

    [UnmanagedCallersOnly]
    internal static int GetDevicePointer(nint* device, nint host, int flags)
        => DriverCall.Run(() => *device = host);

    /// <summary>Says of an address whether it is device memory (2) or host memory of the driver
    /// (1).</summary>
    [UnmanagedCallersOnly]
    internal static int GetPointerAttribute(void* value, int attribute, nint address) => DriverCall.Run(() =>
    {
        const int MemoryType = 2;
        if (attribute != MemoryType)
            throw new DriverException(
                DriverError.InvalidValue, $"pointer attribute {attribute} is not answered");
        *(int*)value = OwnerOf(address) is not null ? 2
            : Within(s_pinned, address) || Within(s_registered, address) ? 1
            : throw new DriverException(DriverError.InvalidValue, $"0x{address:x} is unknown to the driver");
    });

    [UnmanagedCallersOnly]
    internal static int Copy(nint destination, nint source, nint bytes, nint stream) => DriverCall.Run(() =>
    {
        DriverStreams.Require(stream);
        RequireRange(destination, bytes);
        RequireRange(source, bytes);
        DriverContexts.Current.InOrder(()
            => Buffer.MemoryCopy((void*)source, (void*)destination, bytes, bytes));
    });

    [UnmanagedCallersOnly]
    internal static int Fill(nint destination, byte value, nint bytes, nint stream) => DriverCall.Run(() =>
    {
        DriverStreams.Require(stream);
        RequireRange(destination, bytes);
        DriverContexts.Current.InOrder(()
            => NativeMemory.Fill((void*)destination, (nuint)bytes, value));
    });

    // A range that begins in device memory must end in the same block; what does not is the host's.
    static void RequireRange(nint start, nint bytes)
    {
        if (bytes < 0 || (OwnerOf(start) is { } owner && !owner.Memory.Contains(start, bytes)))
            throw new DriverException(DriverError.InvalidValue,
                $"{bytes} bytes at 0x{start:x} pass the end of the device memory that they begin in");
    }

    static PtxDevice? OwnerOf(nint address)
    {
        foreach (PtxDevice device in DriverDevices.All)
            if (device.Memory.Contains(address, 1))
                return device;
        return null;
    }

    static bool Within(ConcurrentDictionary<nint, long> ranges, nint address)
        => ranges.Any(r => address >= r.Key && address - r.Key < r.Value);
}
