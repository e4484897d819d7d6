using System.Runtime.InteropServices;

namespace HeadTap.Cli;

/// <summary>
/// Handles SIGINT (Ctrl-C) and SIGTERM: the first signal asks the verb to save and stop, the second ends the
/// process.
/// </summary>
sealed class Interrupt : IDisposable
{
    // timeout(1) signals the process and then its group, so one request may arrive twice.
    static readonly TimeSpan s_sameRequest = TimeSpan.FromSeconds(0.5);

    readonly CancellationTokenSource _source = new();
    readonly TimeProvider _clock;
    readonly Action<int> _exit;
    readonly PosixSignalRegistration[] _signals;
    readonly Lock _lock = new();
    long? _first;

    public Interrupt() : this(TimeProvider.System, Environment.Exit) { }

    /// <summary>With a clock and an end of the process that a test can watch.</summary>
    internal Interrupt(TimeProvider clock, Action<int> exit)
    {
        (_clock, _exit) = (clock, exit);
        _signals =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask),
        ];
    }

    /// <summary>The token that the first signal cancels.</summary>
    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration signal in _signals)
            signal.Dispose();
        _source.Dispose();
    }

    internal void Ask(PosixSignalContext context)
    {
        context.Cancel = true;
        lock (_lock)
        {
            if (_first is not { } first)
                _first = _clock.GetTimestamp();
            else if (_clock.GetElapsedTime(first) > s_sameRequest)
                _exit(ExitCode.Interrupted);
        }
        _source.Cancel();
    }
}
