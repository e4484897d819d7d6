using System.Runtime.InteropServices;

namespace HeadTap.Cli.Tests;

/// <summary>What signals ask for.</summary>
public sealed class InterruptTests
{
    [Test]
    public void A_signal_that_comes_twice_at_once_is_one_request_and_a_later_one_ends_the_process()
    {
        var clock = new Clock();
        var exits = new List<int>();
        using var interrupt = new Interrupt(clock, exits.Add);
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

    sealed class Clock : TimeProvider
    {
        internal long Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;
    }
}
