namespace HeadTap.Kernels;

/// <summary>
/// Runs the items of a host body on all cores. Which thread runs an item is not fixed, so an item's result
/// must depend on the item alone; sums over items are made by the caller, in item order.
/// </summary>
/// <remarks>
/// Own threads, not the pool's: they spin for a short while before they sleep, so the gap between two ops
/// of a forward pass costs about a microsecond and not a wake-up.
/// </remarks>
public static class HostThreads
{
    const int SpinsBeforeSleep = 4000; // about 50 microseconds

    static readonly Lock Gate = new();
    static Worker[] _workers = [];

    // Two cache lines: processors fetch lines in pairs.
    const int CounterStride = 32;

    // The job in progress. Thread p begins with items [p, p + 1) items / threads and claims one by
    // incrementing its counter; then it helps the others. So the rows that a thread wrote in one op are those
    // that it reads in the next, from its own cache.
    static Action<int> _body = static _ => { };
    static int _items, _threads;
    static int[] _next = [];
    static int _unfinished;
    static Exception? _error;

    [ThreadStatic] static bool t_insideJob;

    /// <summary>Threads that work on one job, the caller included. At least 1.</summary>
    public static int Count
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value);
            field = value;
        }
    } = Environment.ProcessorCount;

    /// <summary>Runs <paramref name="body"/> for every item in [0, <paramref name="items"/>).</summary>
    /// <remarks>A call from inside a job, or while another caller's job runs, runs on its own
    /// thread.</remarks>
    public static void For(int items, Action<int> body)
    {
        if (items <= 1 || Count == 1 || t_insideJob || !Gate.TryEnter())
        {
            for (int item = 0; item < items; item++)
                body(item);
            return;
        }
        try
        {
            RunOnAll(items, body);
        }
        finally
        {
            Gate.Exit();
        }
    }

    /// <summary>
    /// Cuts [0, <paramref name="length"/>) into ranges of <paramref name="grain"/> and runs
    /// <paramref name="body"/>(first, end) for each. The cuts do not depend on the number of threads.
    /// </summary>
    public static void Ranges(long length, long grain, Action<long, long> body)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(grain);
        if (length <= grain)
        {
            if (length > 0)
                body(0, length);
            return;
        }
        int ranges = checked((int)((length + grain - 1) / grain));
        For(ranges, range => body(range * grain, Math.Min(length, (range + 1) * grain)));
    }

    static void RunOnAll(int items, Action<int> body)
    {
        int wanted = Math.Min(Count, items) - 1;
        if (_workers.Length < wanted)
            _workers = [.. _workers, .. Enumerable.Range(0, wanted - _workers.Length)
                .Select(w => new Worker(_workers.Length + w + 1))];
        if (_next.Length < (wanted + 1) * CounterStride)
            _next = new int[(wanted + 1) * CounterStride];
        (_body, _items, _threads, _error) = (body, items, wanted + 1, null);
        for (int thread = 0; thread < _threads; thread++)
            _next[thread * CounterStride] = FirstOf(thread);
        Volatile.Write(ref _unfinished, wanted);
        for (int w = 0; w < wanted; w++)
            _workers[w].Start();
        Claim(0);
        var spin = new SpinWait();
        while (Volatile.Read(ref _unfinished) > 0)
            spin.SpinOnce(sleep1Threshold: -1);
        if (_error is { } error)
            throw new InvalidOperationException("A host body failed.", error);
    }

    static int FirstOf(int thread) => (int)((long)_items * thread / _threads);

    static void Claim(int thread)
    {
        t_insideJob = true;
        try
        {
            for (int turn = 0; turn < _threads; turn++, thread = (thread + 1) % _threads)
            {
                int end = FirstOf(thread + 1);
                ref int next = ref _next[thread * CounterStride];
                for (int item; (item = Interlocked.Increment(ref next) - 1) < end;)
                    _body(item);
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _error, e, null);
            for (int other = 0; other < _threads; other++) // the rest is pointless; the caller rethrows
                Volatile.Write(ref _next[other * CounterStride], _items);
        }
        finally
        {
            t_insideJob = false;
        }
    }

    sealed class Worker
    {
        const int Spinning = 0, HasWork = 1, Asleep = 2;

        readonly object _bed = new();
        int _state;

        readonly int _thread;

        public Worker(int thread)
        {
            _thread = thread;
            new Thread(Loop) { IsBackground = true, Name = "HeadTap host" }.Start();
        }

        public void Start()
        {
            if (Interlocked.Exchange(ref _state, HasWork) != Asleep)
                return;
            lock (_bed)
                Monitor.Pulse(_bed);
        }

        void Loop()
        {
            while (true)
            {
                for (int spins = 0; Volatile.Read(ref _state) == Spinning; spins++)
                {
                    if (spins < SpinsBeforeSleep)
                        Thread.SpinWait(8);
                    else
                        Sleep();
                }
                Volatile.Write(ref _state, Spinning);
                Claim(_thread);
                Interlocked.Decrement(ref _unfinished);
            }
        }

        void Sleep()
        {
            lock (_bed)
            {
                // Start changes the state before it takes the lock, so its pulse cannot be missed.
                if (Interlocked.CompareExchange(ref _state, Asleep, Spinning) != Spinning)
                    return;
                while (Volatile.Read(ref _state) == Asleep)
                    Monitor.Wait(_bed);
            }
        }
    }
}
