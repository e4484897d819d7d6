using System.Diagnostics;
using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>
/// Runs kernels on the host: a block after the other on every core, a warp as vectors of 32 lanes.
/// </summary>
/// <param name="architecture">Whose limits hold.</param>
/// <param name="memory">What global addresses reach.</param>
/// <param name="checks">What is watched.</param>
public sealed unsafe class PtxGpu(PtxArchitecture architecture, DeviceMemory memory, MachineChecks checks)
{
    // A launch that one core ends within this time is not worth waking others for.
    const long AloneMicroseconds = 50;

    readonly BlockRun[] _runs =
        [.. Enumerable.Range(0, Math.Max(1, checks.Threads)).Select(_ => new BlockRun())];

    /// <summary>Whose limits hold.</summary>
    public PtxArchitecture Architecture { get; } = architecture;

    /// <summary>What global addresses reach.</summary>
    public DeviceMemory Memory { get; } = memory;

    /// <summary>What is watched.</summary>
    public MachineChecks Checks { get; } = checks;

    /// <summary>What the launches did so far.</summary>
    public MachineCounters Counters { get; } = new();

    /// <summary>Where it is set, some blocks of each launch run, and it keeps what they counted;
    /// <see cref="Counters"/> then knows nothing of them. Counts need
    /// <see cref="MachineChecks.Counters"/>.</summary>
    public LaunchSamples? Samples { get; set; }

    /// <summary>Runs a launch to its end; a <see cref="PtxFault"/> tells the first defect.</summary>
    /// <param name="entry">The kernel.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="block">Threads of a block.</param>
    /// <param name="dynamicSharedBytes">Size of the entry's extern shared memory.</param>
    /// <param name="parameters">The bytes of the parameters at their offsets.</param>
    public void Launch(
        PtxEntry entry, Dim3 grid, Dim3 block, int dynamicSharedBytes, ReadOnlySpan<byte> parameters)
    {
        LaunchLimits.Check(Architecture, entry, grid, block, dynamicSharedBytes, parameters.Length);
        lock (Memory.Launches)
            fixed (byte* start = parameters)
            {
                Allocation[] allocations = Memory.Snapshot();
                string key = Samples is null ? "" : LaunchSamples.Key(
                    entry, grid, block, dynamicSharedBytes, parameters, allocations);
                if (Samples?.Repeats(key) == true)
                    return;
                long chunk = Interlocked.Add(ref Memory.NextChunk, grid.Count) - grid.Count;
                KernelProgram program = Checks.Contract ? entry.Contracted(Checks.Seed) : entry.Program;
                SharedLayout layout = program.Layout;
                Launch launch = new()
                {
                    Program = program,
                    Checks = Checks,
                    Memory = Memory,
                    Grid = grid,
                    Block = block,
                    Parameters = (nint)start,
                    Allocations = allocations,
                    Numbers = Samples?.Choose(grid.Count),
                    FirstChunk = chunk,
                    SharedBytes = layout.Bytes(dynamicSharedBytes),
                    Symbols = layout.At(dynamicSharedBytes),
                };
                MachineCounters counters = Samples is null ? Counters : new();
                int cores = RunBlocks(launch, launch.Numbers?.Length ?? grid.Count);
                counters.Launches++;
                List<AccessCount> accesses = Samples is null ? [] : Accesses(launch, cores, parameters);
                for (int i = 0; i < cores; i++)
                    counters.Take(_runs[i]);
                Samples?.Add(key, new(LaunchSamples.Signature(entry), grid, block, launch.SharedBytes,
                    launch.Numbers!.Length, counters, accesses));
            }
    }

    // The first block runs alone, and its time says whether the others are worth more cores. Blocks are
    // taken in order, so the fault of the lowest one is found whatever the others do.
    // Answers how many cores took part.
    int RunBlocks(Launch launch, long count)
    {
        long started = Stopwatch.GetTimestamp();
        _runs[0].Prepare(launch);
        _runs[0].Run(launch.Numbers?[0] ?? 0);
        double microseconds = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        int cores = (int)Math.Min(_runs.Length, count - 1);
        if (cores <= 1 || microseconds * (count - 1) < AloneMicroseconds)
        {
            for (long i = 1; i < count; i++)
                _runs[0].Run(launch.Numbers?[i] ?? i);
            return 1;
        }
        RunOnCores(launch, count, cores);
        return cores;
    }

    // What each instruction asked of the memories, and of which operand.
    List<AccessCount> Accesses(Launch launch, int cores, ReadOnlySpan<byte> parameters)
    {
        List<AccessCount> found = [];
        if (!Checks.Counters)
            return found;
        List<(nint Start, long Bytes)> views = [];
        foreach ((int offset, long bytes) in LaunchSamples.Operands(parameters, launch.Allocations))
            views.Add((MemoryMarshal.Read<nint>(parameters[offset..]), bytes));
        IReadOnlyList<PtxInstruction> code = launch.Program.Entry.Instructions;
        for (int i = 0; i < code.Count; i++)
        {
            AccessTally all = default;
            for (int core = 0; core < cores; core++)
                all.Add(_runs[core].Tallies[i]);
            if (all.Executions == 0)
                continue;
            (nint Start, long Bytes) view =
                views.Where(v => v.Start <= all.First).DefaultIfEmpty().MaxBy(v => v.Start);
            found.Add(new(code[i].Line, code[i].Text, all.Executions, all.LoadedSectors, all.StoredSectors,
                all.UsefulBytes, all.LeastSectors, all.SharedCycles, all.BankConflicts, view.Start,
                view.Bytes));
        }
        return found;
    }

    void RunOnCores(Launch launch, long count, int cores)
    {
        long next = 0, stop = count;
        (long Block, PtxFault Fault)? first = null;
        Lock faults = new();
        Parallel.For(0, cores, new ParallelOptions { MaxDegreeOfParallelism = cores }, core =>
        {
            if (core > 0)
                _runs[core].Prepare(launch);
            while (Interlocked.Increment(ref next) is long number && number < Volatile.Read(ref stop))
                try
                {
                    _runs[core].Run(launch.Numbers?[number] ?? number);
                }
                catch (PtxFault fault)
                {
                    lock (faults)
                        if (first is null || number < first.Value.Block)
                            (first, stop) = ((number, fault), number);
                }
        });
        if (first is { } found)
            throw found.Fault;
    }
}
