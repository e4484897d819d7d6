using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>
/// Host memory that stands for a GPU's: addresses of kernels are host addresses, so a copy to and from the
/// device is a copy of memory.
/// </summary>
/// <param name="capacityBytes">As much as can be allocated at a time.</param>
public sealed unsafe class DeviceMemory(long capacityBytes) : IDisposable
{
    const int Alignment = 256;

    // Fresh memory of a GPU holds anything; up to here it is filled with NaN, above it the pages are left
    // to the system.
    const long FilledBytes = 16 << 20;

    readonly Lock _lock = new();
    readonly SortedList<nint, Allocation> _allocations = [];
    Allocation[]? _snapshot;

    /// <summary>As much as can be allocated at a time.</summary>
    public long CapacityBytes { get; } = capacityBytes;

    /// <summary>Allocated and not freed.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>The next number of a block of a launch; see <see cref="ShadowRecord"/>.</summary>
    internal ref long NextChunk => ref _nextChunk;

    long _nextChunk = 1;

    /// <summary>One launch at a time runs on a memory.</summary>
    internal Lock Launches { get; } = new();

    /// <summary>Memory at a multiple of 256, filled with NaN; 0 where there is not enough left.</summary>
    public nint Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        lock (_lock)
        {
            if (bytes > CapacityBytes - UsedBytes)
                return 0;
            nint start = (nint)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            if (bytes <= FilledBytes)
                new Span<byte>((void*)start, (int)bytes).Fill(0xff);
            nint shadow = (nint)NativeMemory.AllocZeroed((nuint)((bytes + 3) / 4), ShadowRecord.BytesPerWord);
            _allocations.Add(start, new(start, bytes, shadow));
            UsedBytes += bytes;
            _snapshot = null;
            return start;
        }
    }

    /// <summary>Gives back what <see cref="Allocate"/> answered; anything else is an
    /// ArgumentException.</summary>
    public void Free(nint start)
    {
        lock (_lock)
        {
            if (!_allocations.Remove(start, out Allocation allocation))
                throw new ArgumentException($"{start:x} is no allocation of this memory.", nameof(start));
            Release(allocation);
            _snapshot = null;
        }
    }

    /// <summary>True where one allocation holds all these bytes.</summary>
    public bool Contains(nint address, long bytes)
    {
        Allocation[] all = Snapshot();
        int index = Find(all, address);
        return index >= 0 && bytes >= 0 && address - all[index].Start <= all[index].Bytes - bytes;
    }

    /// <summary>Frees everything.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (Allocation allocation in _allocations.Values)
                Release(allocation);
            _allocations.Clear();
            _snapshot = null;
        }
    }

    /// <summary>The allocations by address; an allocation afterwards does not change it.</summary>
    internal Allocation[] Snapshot()
    {
        lock (_lock)
            return _snapshot ??= [.. _allocations.Values];
    }

    /// <summary>Index of the allocation that an address lies in; -1 for none.</summary>
    internal static int Find(Allocation[] all, nint address)
    {
        int low = 0, high = all.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) >> 1;
            if (address < all[middle].Start)
                high = middle - 1;
            else if (address - all[middle].Start >= all[middle].Bytes)
                low = middle + 1;
            else
                return middle;
        }
        return -1;
    }

    void Release(Allocation allocation)
    {
        UsedBytes -= allocation.Bytes;
        NativeMemory.AlignedFree((void*)allocation.Start);
        NativeMemory.Free((void*)allocation.Shadow);
    }
}
