using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>Streams. A call has done its work when it returns, so all streams are one, in order.</summary>
static unsafe class DriverStreams
{
    /// <exception cref="DriverException">The handle is neither 0, the default stream, nor a
    /// stream.</exception>
    internal static void Require(nint stream)
    {
        if (stream != 0)
            _ = DriverHandles.Get<Stream>(stream);
    }

    [UnmanagedCallersOnly]
    internal static int Create(nint* stream, int flags)
        => DriverCall.Run(() => *stream = DriverHandles.Add(new Stream(DriverContexts.Current)));

    [UnmanagedCallersOnly]
    internal static int CreateWithPriority(nint* stream, int flags, int priority)
        => DriverCall.Run(() => *stream = DriverHandles.Add(new Stream(DriverContexts.Current)));

    [UnmanagedCallersOnly]
    internal static int Destroy(nint stream) => DriverCall.Run(() => DriverHandles.Remove<Stream>(stream));

    [UnmanagedCallersOnly]
    internal static int Synchronize(nint stream) => DriverCall.Run(() =>
    {
        Require(stream);
        DriverContexts.Current.InOrder(() => { });
    });

    sealed record Stream(PtxDevice Device);
}
