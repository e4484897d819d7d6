namespace HeadTap.Serve.Tests;

/// <summary>A clock that a test moves; its timers ring when it is moved beyond them.</summary>
sealed class SteppedClock : TimeProvider
{
    readonly Lock _lock = new();
    readonly List<Bell> _bells = [];
    TimeSpan _now;

    /// <summary>Timers that will ring.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _bells.Count;
        }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (_lock)
            return _now.Ticks;
    }

    public override ITimer CreateTimer(
        TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var bell = new Bell(this, () => callback(state));
        bell.Change(dueTime, period);
        return bell;
    }

    public void Advance(double seconds)
    {
        Bell[] due;
        lock (_lock)
        {
            _now += TimeSpan.FromSeconds(seconds);
            due = [.. _bells.Where(b => b.At <= _now)];
            _bells.RemoveAll(due.Contains);
        }
        foreach (Bell bell in due)
            bell.Ring();
    }

    sealed class Bell(SteppedClock clock, Action ring) : ITimer
    {
        internal TimeSpan At { get; private set; }

        internal void Ring() => ring();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                clock._bells.Remove(this);
                if (dueTime == Timeout.InfiniteTimeSpan)
                    return true;
                At = clock._now + dueTime;
                clock._bells.Add(this);
            }
            return true;
        }

        public void Dispose()
        {
            lock (clock._lock)
                clock._bells.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
