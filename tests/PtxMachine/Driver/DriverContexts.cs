using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>Contexts: which device a thread's calls go to.</summary>
static unsafe class DriverContexts
{
    [ThreadStatic]
    static nint t_current;

    /// <summary>The device of this thread's context.</summary>
    /// <exception cref="DriverException">No context is current.</exception>
    internal static PtxDevice Current => DriverHandles.Get<DeviceContext>(
        t_current, DriverError.InvalidContext).Device;

    [UnmanagedCallersOnly]
    internal static int Create(nint* context, int flags, int device) => DriverCall.Run(()
        => *context = t_current = DriverHandles.Add(new DeviceContext(DriverDevices.At(device))));

    [UnmanagedCallersOnly]
    internal static int Destroy(nint context) => DriverCall.Run(() =>
    {
        _ = DriverHandles.Remove<DeviceContext>(context, DriverError.InvalidContext);
        if (t_current == context)
            t_current = 0;
    });

    [UnmanagedCallersOnly]
    internal static int SetCurrent(nint context) => DriverCall.Run(() =>
    {
        if (context != 0)
            _ = DriverHandles.Get<DeviceContext>(context, DriverError.InvalidContext);
        t_current = context;
    });

    /// <summary>Waits for the device: every call has ended when it returns, so that is at once.</summary>
    [UnmanagedCallersOnly]
    internal static int Synchronize() => DriverCall.Run(() => Current.InOrder(() => { }));

    /// <summary>Which of cache and shared memory is preferred: 0, neither.</summary>
    [UnmanagedCallersOnly]
    internal static int GetPreference(int* preference) => DriverCall.Run(() => *preference = 0);

    /// <summary>Takes a preference, which changes no result.</summary>
    [UnmanagedCallersOnly]
    internal static int SetPreference(int preference) => DriverCall.Run(() => _ = Current);

    /// <summary>Refuses: no device reads another's memory.</summary>
    [UnmanagedCallersOnly]
    internal static int EnablePeer(nint peer, int flags) => DriverCall.Run(() => throw new DriverException(
        DriverError.PeerAccessUnsupported, "devices of the PTX machine do not read each other's memory"));

    /// <summary>Refuses, as there is nothing to end.</summary>
    [UnmanagedCallersOnly]
    internal static int DisablePeer(nint peer) => DriverCall.Run(() => throw new DriverException(
        DriverError.PeerAccessUnsupported, "devices of the PTX machine do not read each other's memory"));

    sealed record DeviceContext(PtxDevice Device);
}
