using System.Collections.Concurrent;

namespace HeadTap.PtxMachine;

/// <summary>
/// What callers hold of contexts, modules, functions, streams and events: numbers that are never used twice,
/// so one that was freed, or is of another kind, is found out.
/// </summary>
static class DriverHandles
{
    static readonly ConcurrentDictionary<nint, object> s_live = [];
    static long s_last = 0x1000;

    /// <summary>A new handle of <paramref name="owned"/>.</summary>
    internal static nint Add(object owned)
    {
        nint handle = (nint)Interlocked.Add(ref s_last, 16);
        s_live[handle] = owned;
        return handle;
    }

    /// <summary>What the handle stands for.</summary>
    /// <exception cref="DriverException">It is no live handle of this kind.</exception>
    internal static T Get<T>(nint handle, DriverError error = DriverError.InvalidHandle)
        where T : class
        => s_live.GetValueOrDefault(handle) as T
            ?? throw new DriverException(error, $"0x{handle:x} is no live {typeof(T).Name}");

    /// <summary>Ends the handle.</summary>
    /// <exception cref="DriverException">It is no live handle of this kind.</exception>
    internal static T Remove<T>(nint handle, DriverError error = DriverError.InvalidHandle)
        where T : class
    {
        T owned = Get<T>(handle, error);
        _ = s_live.TryRemove(handle, out _);
        return owned;
    }
}
