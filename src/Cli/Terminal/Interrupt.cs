using System.Runtime.InteropServices;
using HeadTap.Models;

namespace HeadTap.Cli;

/// <summary>
/// Handles SIGINT (Ctrl-C), SIGTERM, SIGUSR1 and SIGUSR2: the first signal asks the verb to save and stop,
/// the second ends the process. A verb that does not hear the first, because it waits for a disk or computes
/// for long, is ended
/// after <see cref="Grace"/>, unless it has work to save.
/// </summary>
sealed class Interrupt : IDisposable
{
    /// <summary>How long a verb without unfinished work may take to stop.</summary>
    internal static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    // timeout(1) signals the process and then its group, so one request may arrive twice.
    static readonly TimeSpan s_sameRequest = TimeSpan.FromSeconds(0.5);

    // Schedulers send them some time before a job's end. The runtime has no names for them.
    static readonly PosixSignal[] s_user = OperatingSystem.IsLinux() ? [(PosixSignal)10, (PosixSignal)12]
        : OperatingSystem.IsMacOS() ? [(PosixSignal)30, (PosixSignal)31] : [];

    readonly CancellationTokenSource _source = new();
    readonly TimeProvider _clock;
    readonly Action<int> _exit;
    readonly Func<bool> _isBusy;
    readonly PosixSignalRegistration[] _signals;
    PosixSignalRegistration[] _userSignals;
    readonly Lock _lock = new();
    long? _first;
    bool _wasBusy, _again, _byUser;
    ITimer? _grace;

    public Interrupt() : this(TimeProvider.System, Environment.Exit, () => UnfinishedWork.Any) { }

    /// <summary>With a clock, an end of the process and a job that a test can watch.</summary>
    internal Interrupt(TimeProvider clock, Action<int> exit, Func<bool> isBusy)
    {
        (_clock, _exit, _isBusy) = (clock, exit, isBusy);
        _signals =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask),
        ];
        _userSignals = Register();
    }

    /// <summary>The token that the first signal cancels.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>The exit code of a verb that was stopped.</summary>
    internal int Code
    {
        get
        {
            lock (_lock)
                return _again && !_byUser ? ExitCode.Again : ExitCode.Interrupted;
        }
    }

    /// <summary>Says that the same call may go on later, so a scheduler that stops it gets the code for
    /// that.</summary>
    internal void CanRunAgain()
    {
        lock (_lock)
            _again = true;
    }

    /// <summary>Takes SIGUSR1 and SIGUSR2 back from whoever has them now: LLVM, on which OpenCL drivers are
    /// built, handles SIGUSR1 from when it is loaded.</summary>
    internal void TakeUserSignals()
    {
        lock (_lock)
        {
            // The runtime installs a handler for a signal that has no registration, and only then.
            foreach (PosixSignalRegistration signal in _userSignals)
                signal.Dispose();
            _userSignals = Register();
        }
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration signal in _signals.Concat(_userSignals))
            signal.Dispose();
        lock (_lock)
            _grace?.Dispose();
        _source.Dispose();
    }

    PosixSignalRegistration[] Register()
        => [.. s_user.Select(signal => PosixSignalRegistration.Create(signal, Ask))];

    internal void Ask(PosixSignalContext context)
    {
        context.Cancel = true;
        lock (_lock)
        {
            if (_first is not { } first)
            {
                _first = _clock.GetTimestamp();
                _byUser = context.Signal == PosixSignal.SIGINT;
                _wasBusy = _isBusy();
                _grace = _clock.CreateTimer(_ => EndIfIdle(), null, Grace, Grace);
            }
            else if (_clock.GetElapsedTime(first) > s_sameRequest)
                _exit(Code);
        }
        _source.Cancel();
    }

    // Work that was saved a moment ago leaves the verb time to print its result.
    void EndIfIdle()
    {
        bool wasBusy = _wasBusy;
        _wasBusy = _isBusy();
        if (wasBusy || _wasBusy)
            return;
        Console.Error.WriteLine("headtap: interrupted");
        _exit(Code);
    }
}
