namespace HeadTap.Serve;

/// <summary>
/// A bucket that fills at an even rate to what one minute allows. What is known only afterwards, as the
/// tokens of a reply, is charged then and may leave a debt. Safe for any thread.
/// </summary>
/// <param name="perMinute">What a minute allows; 0 for no limit.</param>
/// <param name="clock">The clock.</param>
sealed class KeyBudget(int perMinute, TimeProvider clock)
{
    readonly Lock _lock = new();
    double _level = perMinute;
    long _at = clock.GetTimestamp();

    /// <summary>What a minute allows; 0 for no limit.</summary>
    internal int Limit => perMinute;

    /// <summary>Takes from the bucket if it has as much.</summary>
    /// <param name="amount">How much; 0 asks only whether there is no debt.</param>
    /// <param name="wait">When there will be enough.</param>
    internal bool TryTake(int amount, out TimeSpan wait)
    {
        wait = TimeSpan.Zero;
        if (perMinute == 0)
            return true;
        lock (_lock)
        {
            Fill();
            double missing = Math.Max(amount, 1e-9) - _level;
            if (missing > 0)
            {
                wait = TimeSpan.FromMinutes(missing / perMinute);
                return false;
            }
            _level -= amount;
            return true;
        }
    }

    /// <summary>Takes in any case.</summary>
    internal void Charge(int amount)
    {
        if (perMinute == 0 || amount <= 0)
            return;
        lock (_lock)
        {
            Fill();
            _level -= amount;
        }
    }

    /// <summary>What is left, and when the bucket is full again.</summary>
    internal (int Remaining, TimeSpan Reset) State()
    {
        lock (_lock)
        {
            Fill();
            return ((int)Math.Max(0, Math.Floor(_level + 1e-9)),
                TimeSpan.FromMinutes(perMinute == 0 ? 0 : (perMinute - _level) / perMinute));
        }
    }

    void Fill()
    {
        long now = clock.GetTimestamp();
        _level = Math.Min(perMinute, _level + clock.GetElapsedTime(_at, now).TotalMinutes * perMinute);
        _at = now;
    }
}
