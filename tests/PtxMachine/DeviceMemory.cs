namespace HeadTap.PtxMachine;

/// <summary>
/// Host memory that stands for a GPU's: addresses of kernels are host addresses, so a copy to and from the
/// device is a copy of memory.
/// </summary>
/// <param name="capacityBytes">As much as can be allocated at a time.</param>
public sealed class DeviceMemory(long capacityBytes) : IDisposable
{
    /// <summary>As much as can be allocated at a time.</summary>
    public long CapacityBytes { get; } = capacityBytes;

    /// <summary>Allocated and not freed.</summary>
    public long UsedBytes { get; private set; }

    /// <summary>Memory at a multiple of 256, with other contents than zero; 0 where there is not enough
    /// left.</summary>
    public nint Allocate(long bytes) => throw new NotImplementedException();

    /// <summary>Gives back what <see cref="Allocate"/> answered; anything else is an
    /// ArgumentException.</summary>
    public void Free(nint start) => throw new NotImplementedException();

    /// <summary>True where one allocation holds all these bytes.</summary>
    public bool Contains(nint address, long bytes) => throw new NotImplementedException();

    /// <summary>Frees everything.</summary>
    public void Dispose() => throw new NotImplementedException();
}
