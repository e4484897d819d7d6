using System.Diagnostics;
using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>Times of one bench: each is the mean of a batch of runs, long enough for the clock.</summary>
/// <param name="CpuMs">Processor time of a run, all threads: what it costs beside neighbours.</param>
sealed record Measurement(
    OpBench Bench, double MedianMs, double FastestMs, double SlowestMs, double CpuMs, double? Error)
{
    const double BatchMs = 5;

    /// <summary>An op that is further off than this is not worth timing.</summary>
    internal const double AllowedError = 1e-4;

    internal double GigabytesPerSecond => Bench.Bytes / MedianMs / 1e6;

    internal double GigaflopsPerSecond => Bench.Flops / MedianMs / 1e6;

    /// <summary>Checks, warms up, then times: the median of <paramref name="repeats"/> batches.</summary>
    internal static Measurement Take(ComputeDevice device, OpBench bench, int repeats)
    {
        double? error = bench.Check?.Invoke();
        if (error is { } e && !(e <= AllowedError)) // this way round, NaN fails
            throw new InvalidOperationException(
                $"{bench.Name} {bench.Shape}: error {e:E2} against the oracle, allowed {AllowedError:E0}");
        Batch(device, bench.Run, 1); // compiles kernels, touches memory
        int runs = Math.Max(1, (int)(BatchMs / Math.Max(Batch(device, bench.Run, 1), 1e-4)));
        Batch(device, bench.Run, runs);
        double[] times = new double[repeats];
        TimeSpan cpu = Process.GetCurrentProcess().TotalProcessorTime;
        for (int i = 0; i < repeats; i++)
            times[i] = Batch(device, bench.Run, runs) / runs;
        cpu = Process.GetCurrentProcess().TotalProcessorTime - cpu;
        Array.Sort(times);
        return new(bench, times[repeats / 2], times[0], times[^1],
            cpu.TotalMilliseconds / runs / repeats, error);
    }

    static double Batch(ComputeDevice device, Action run, int runs)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < runs; i++)
            run();
        device.Synchronize();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }
}
