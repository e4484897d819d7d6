namespace HeadTap.Models;

/// <summary>
/// Counts what would be lost or left half done if the process ended now: a run folder that is held until its
/// checkpoint is saved, an output that is being written. A program that is asked to stop waits for it.
/// </summary>
public static class UnfinishedWork
{
    static int s_count;

    /// <summary>Whether there is any.</summary>
    public static bool Any => Volatile.Read(ref s_count) > 0;

    /// <summary>Notes some; disposing what is returned says that it is done.</summary>
    internal static Part Begin()
    {
        Interlocked.Increment(ref s_count);
        return new Part();
    }

    internal sealed class Part : IDisposable
    {
        int _done;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _done, 1) == 0)
                Interlocked.Decrement(ref s_count);
        }
    }
}
