using System.Runtime.InteropServices;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>What signals ask for.</summary>
public sealed class InterruptTests
{
    [Test]
    public void A_signal_that_comes_twice_at_once_is_one_request_and_a_later_one_ends_the_process()
    {
        var clock = new Clock();
        var exits = new List<int>();
        using var interrupt = new Interrupt(clock, exits.Add, () => false);
        var context = new PosixSignalContext(PosixSignal.SIGTERM);
        interrupt.Ask(context);
        Assert.That(interrupt.Token.IsCancellationRequested && context.Cancel, Is.True);
        clock.Now += TimeSpan.TicksPerMillisecond * 20; // timeout(1): the process, then its group
        interrupt.Ask(context);
        Assert.That(exits, Is.Empty);
        clock.Now += TimeSpan.TicksPerSecond;
        interrupt.Ask(context);
        Assert.That(exits, Is.EqualTo([130]));
    }

    [Test]
    public void A_verb_that_does_not_hear_is_ended_after_the_grace_and_one_that_saves_is_waited_for()
    {
        var clock = new Clock();
        var exits = new List<int>();
        bool busy = true;
        using var interrupt = new Interrupt(clock, exits.Add, () => busy);
        interrupt.Ask(new PosixSignalContext(PosixSignal.SIGINT));
        Assert.That(clock.Period, Is.EqualTo(Interrupt.Grace));
        clock.Tick!();
        busy = false; // saved; its result is printed now
        clock.Tick();
        Assert.That(exits, Is.Empty);
        clock.Tick();
        Assert.That(exits, Is.EqualTo([130]));
    }

    [Test]
    public void A_run_folder_and_an_output_are_work_to_save()
    {
        using var folder = new TemporaryFolder();
        bool seen = false;
        AtomicFile.Write(folder["f"], _ => seen = UnfinishedWork.Any);
        Assert.That(seen, Is.True);
    }

    sealed class Clock : TimeProvider
    {
        internal Action? Tick { get; private set; }

        internal TimeSpan Period { get; private set; }

        public override ITimer CreateTimer(
            TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            (Tick, Period) = (() => callback(state), period);
            return base.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        internal long Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;
    }
}
