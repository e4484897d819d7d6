using HeadTap.Kernels;

namespace HeadTap.Runtime;

/// <summary>
/// Loops over the host threads that ops use. An item is done by one thread, so results do not depend on the
/// number of threads.
/// </summary>
public static class HostParallel
{
    /// <summary>Calls <paramref name="body"/> for each item from 0 to <paramref name="items"/> - 1.</summary>
    public static void For(int items, Action<int> body) => HostThreads.For(items, body);

    /// <summary>Calls <paramref name="body"/> for ranges [first, end) that together cover
    /// [0, <paramref name="length"/>).</summary>
    /// <param name="length">Number of items.</param>
    /// <param name="grain">Items of a range; the last one may have fewer.</param>
    /// <param name="body">Takes first and end.</param>
    public static void Ranges(long length, long grain, Action<long, long> body)
        => HostThreads.Ranges(length, grain, body);
}
