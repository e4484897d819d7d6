using System.Runtime.InteropServices;
using System.Text;

namespace HeadTap.PtxMachine;

/// <summary>cuInit, the version, and what devices there are.</summary>
static unsafe class DriverDevices
{
    // CUDA 12.9: the latest that ILGPU 1.5.3 knows; it then writes PTX 8.8.
    const int Version = 12090;

    /// <summary>The devices by their numbers.</summary>
    internal static IReadOnlyList<PtxDevice> All { get; set; } = [];

    /// <summary>The device of a number.</summary>
    /// <exception cref="DriverException">There is none.</exception>
    internal static PtxDevice At(int device) => device >= 0 && device < All.Count ? All[device]
        : throw new DriverException(DriverError.InvalidDevice, $"device {device} is not one of {All.Count}");

    [UnmanagedCallersOnly]
    internal static int Init(int flags) => DriverCall.Run(() =>
    {
        if (flags != 0)
            throw new DriverException(DriverError.InvalidValue, $"cuInit takes 0, not {flags}");
    });

    [UnmanagedCallersOnly]
    internal static int GetVersion(int* version) => DriverCall.Run(() => *version = Version);

    [UnmanagedCallersOnly]
    internal static int Get(int* device, int ordinal) => DriverCall.Run(() =>
    {
        _ = At(ordinal);
        *device = ordinal;
    });

    [UnmanagedCallersOnly]
    internal static int GetCount(int* count) => DriverCall.Run(() => *count = All.Count);

    [UnmanagedCallersOnly]
    internal static int GetName(byte* name, int length, int device) => DriverCall.Run(() =>
    {
        PtxDevice found = At(device);
        byte[] text = Encoding.ASCII.GetBytes(
            $"PTX machine, {found.Architecture.Name} as {found.Sheet.Card}");
        int kept = Math.Min(text.Length, length - 1);
        text.AsSpan(0, kept).CopyTo(new(name, kept));
        name[kept] = 0;
    });

    [UnmanagedCallersOnly]
    internal static int TotalMemory(nint* bytes, int device)
        => DriverCall.Run(() => *bytes = (nint)At(device).Memory.CapacityBytes);

    [UnmanagedCallersOnly]
    internal static int GetAttribute(int* value, int attribute, int device)
        => DriverCall.Run(() => *value = DeviceAttributes.Of(At(device), attribute));

    [UnmanagedCallersOnly]
    internal static int CanAccessPeer(int* answer, int device, int peer) => DriverCall.Run(() =>
    {
        _ = At(device);
        _ = At(peer);
        *answer = 0;
    });

    [UnmanagedCallersOnly]
    internal static int GetPeerAttribute(int* value, int attribute, int source, int destination)
        => DriverCall.Run(() =>
        {
            _ = At(source);
            _ = At(destination);
            *value = 0;
        });
}
