using System.Runtime.ExceptionServices;

namespace HeadTap.Merge;

/// <summary>Parts of a tensor on all cores.</summary>
static class Parts
{
    /// <summary>Calls <paramref name="body"/> for each number below <paramref name="count"/>, in any order.
    /// Of several errors one is thrown, as it is.</summary>
    internal static void Each(long count, Action<long> body)
    {
        try
        {
            Parallel.For(0L, count, body);
        }
        catch (AggregateException e) when (e.InnerExceptions is [{ } first, ..])
        {
            ExceptionDispatchInfo.Throw(first);
        }
    }
}
