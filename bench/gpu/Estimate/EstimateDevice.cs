using HeadTap.PtxMachine;
using HeadTap.Runtime;

namespace HeadTap.Gpu;

/// <summary>The interpreter of PTX as a device that counts some blocks of every launch.</summary>
sealed class EstimateDevice : IDisposable
{
    readonly PtxGpu _gpu;

    /// <param name="architecture">As <c>sm_80</c>.</param>
    /// <param name="blocks">As many run of a launch.</param>
    internal EstimateDevice(string architecture, int blocks)
    {
        if (PtxDriver.Devices.Count == 0)
            PtxDriver.Install(PtxArchitecture.All,
                new MachineChecks { Races = false, Uninitialised = false, Counters = true });
        Device = ComputeDevice.Open(architecture == "sm_80" ? "ptx" : $"ptx:{architecture}");
        _gpu = PtxDriver.Devices.First(d => d.Architecture.Name == architecture).Gpu;
        _gpu.Samples = new LaunchSamples(blocks);
    }

    /// <summary>What ops run on.</summary>
    internal ComputeDevice Device { get; }

    /// <summary>What <paramref name="run"/> launches.</summary>
    internal IReadOnlyList<LaunchSample> Count(Action run)
    {
        _gpu.Samples!.Clear();
        run();
        Device.Synchronize();
        return [.. _gpu.Samples.Taken];
    }

    /// <summary>A launch's work from the blocks that ran.</summary>
    internal static LaunchWork Work(LaunchSample sample)
    {
        const int sector = 32;
        double scale = sample.Scale, memory = 0;
        foreach (var operand in sample.Accesses.GroupBy(a => (a.View, a.ViewBytes)))
            foreach (long sectors in (long[])
                [operand.Sum(a => a.LoadedSectors), operand.Sum(a => a.StoredSectors)])
                memory += Math.Min(sectors * sector * scale,
                    operand.Key.ViewBytes > 0 ? operand.Key.ViewBytes : double.PositiveInfinity);
        MachineCounters counters = sample.Counters;
        return new(sample.Kernel, sample.Grid.Count, sample.Times, InstructionMix.Of(counters.Opcodes, scale),
            (counters.LoadedSectors + counters.StoredSectors) * sector * scale,
            sample.Accesses.Sum(a => a.UsefulBytes) * scale, memory,
            counters.SharedCycles * scale, counters.BankConflicts * scale, counters.Barriers * scale);
    }

    /// <summary>Gives the device back.</summary>
    public void Dispose()
    {
        _gpu.Samples = null;
        Device.Dispose();
    }
}
