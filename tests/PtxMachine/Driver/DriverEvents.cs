using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>Events: moments of the process's monotonic clock. Their differences time the interpreter, not a
/// GPU.</summary>
static unsafe class DriverEvents
{
    [UnmanagedCallersOnly]
    internal static int Create(nint* moment, int flags)
        => DriverCall.Run(() => *moment = DriverHandles.Add(new Event()));

    [UnmanagedCallersOnly]
    internal static int Destroy(nint moment) => DriverCall.Run(() => DriverHandles.Remove<Event>(moment));

    /// <summary>Takes the moment; all work given before is done.</summary>
    [UnmanagedCallersOnly]
    internal static int Record(nint moment, nint stream) => DriverCall.Run(() =>
    {
        DriverStreams.Require(stream);
        DriverHandles.Get<Event>(moment).Ticks = Stopwatch.GetTimestamp();
    });

    /// <summary>Says that the event has passed: it has as soon as it is recorded.</summary>
    [UnmanagedCallersOnly]
    internal static int Passed(nint moment) => DriverCall.Run(() => DriverHandles.Get<Event>(moment));

    [UnmanagedCallersOnly]
    internal static int Elapsed(float* milliseconds, nint start, nint end) => DriverCall.Run(() =>
    {
        long from = Recorded(start), to = Recorded(end);
        *milliseconds = (float)Stopwatch.GetElapsedTime(from, to).TotalMilliseconds;
    });

    static long Recorded(nint moment) => DriverHandles.Get<Event>(moment).Ticks
        ?? throw new DriverException(DriverError.InvalidHandle, $"event 0x{moment:x} was never recorded");

    sealed class Event
    {
        internal long? Ticks { get; set; }
    }
}
