using System.Diagnostics;
using HeadTap.Runtime;

namespace HeadTap.Gpu;

/// <summary>Two sides timed in turns, so that what else the machine does falls on both.</summary>
/// <param name="OursMs">Median of a run, milliseconds.</param>
/// <param name="TheirsMs">The same of the peer.</param>
/// <param name="Ratio">Median of the turns' theirs / ours: above 1 is in our favour.</param>
/// <param name="Lowest">Least of those.</param>
/// <param name="Highest">Most of those.</param>
sealed record Turns(double OursMs, double TheirsMs, double Ratio, double Lowest, double Highest)
{
    const double BlockMs = 30;

    /// <summary>
    /// Runs a number of times and returns milliseconds a run, the device waited for at both ends.
    /// </summary>
    internal delegate double Block(int runs);

    /// <summary>Our side.</summary>
    internal static Block Ours(ComputeDevice device, Action run) => runs =>
    {
        device.Synchronize();
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < runs; i++)
            run();
        device.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / runs;
    };

    /// <summary>Warms both sides up, then lets them take turns.</summary>
    internal static Turns Take(Block ours, Block theirs, int repeats)
    {
        int oursRuns = Runs(ours), theirsRuns = Runs(theirs);
        double[] a = new double[repeats], b = new double[repeats], ratios = new double[repeats];
        for (int i = 0; i < repeats; i++)
        {
            a[i] = ours(oursRuns);
            b[i] = theirs(theirsRuns);
            ratios[i] = b[i] / a[i];
        }
        return new(Median(a), Median(b), Median(ratios), ratios.Min(), ratios.Max());
    }

    /// <summary>One side alone; what is theirs is NaN.</summary>
    internal static Turns Alone(Block ours, int repeats)
    {
        int runs = Runs(ours);
        double[] a = [.. Enumerable.Range(0, repeats).Select(_ => ours(runs))];
        return new(Median(a), double.NaN, double.NaN, double.NaN, double.NaN);
    }

    /// <summary>The middle value.</summary>
    internal static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    // The first run compiles and touches memory; the second says how many make a block.
    static int Runs(Block block)
    {
        block(1);
        return (int)Math.Clamp(BlockMs / Math.Max(block(1), 1e-3), 1, 2000);
    }
}
