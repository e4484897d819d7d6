namespace HeadTap.PtxMachine;

/// <summary>What launches did since the machine was made or <see cref="Reset"/> was called.</summary>
public sealed class MachineCounters
{
    /// <summary>Launches.</summary>
    public long Launches { get; internal set; }

    /// <summary>Instructions that a warp executed.</summary>
    public long WarpInstructions { get; internal set; }

    /// <summary>Instructions times the lanes that executed them.</summary>
    public long LaneInstructions { get; internal set; }

    /// <summary>How often a warp executed each opcode; empty without
    /// <see cref="MachineChecks.Counters"/>, like all that follows.</summary>
    public Dictionary<string, long> Opcodes { get; } = [];

    /// <summary>Sectors of 32 bytes that loads from global memory touched, each once for a warp's
    /// access; cp.async included.</summary>
    public long LoadedSectors { get; internal set; }

    /// <summary>The same of stores.</summary>
    public long StoredSectors { get; internal set; }

    /// <summary>Cycles of the shared memory's 32 banks.</summary>
    public long SharedCycles { get; internal set; }

    /// <summary>Those of them that a placement without conflicts would not need.</summary>
    public long BankConflicts { get; internal set; }

    /// <summary>Matrix products of a warp, by their opcode.</summary>
    public IEnumerable<KeyValuePair<string, long>> MatrixProducts =>
        Opcodes.Where(o => o.Key.StartsWith("mma.", StringComparison.Ordinal));

    /// <summary>Barriers of a block, counted for each of its warps.</summary>
    public long Barriers => Opcodes.Where(
        o => o.Key.StartsWith("bar", StringComparison.Ordinal) && o.Key != "bar.warp.sync").Sum(o => o.Value);

    /// <summary>Starts from nothing again.</summary>
    public void Reset()
    {
        Launches = WarpInstructions = LaneInstructions = 0;
        LoadedSectors = StoredSectors = SharedCycles = BankConflicts = 0;
        Opcodes.Clear();
    }

    /// <summary>Adds what one core counted in a launch, and clears it there.</summary>
    internal void Take(BlockRun run)
    {
        WarpInstructions += run.WarpInstructions;
        LaneInstructions += run.LaneInstructions;
        (run.WarpInstructions, run.LaneInstructions) = (0, 0);
        if (!run.Counting)
            return;
        Traffic traffic = run.Traffic;
        LoadedSectors += traffic.LoadedSectors;
        StoredSectors += traffic.StoredSectors;
        SharedCycles += traffic.SharedCycles;
        BankConflicts += traffic.BankConflicts;
        run.Traffic = default;
        run.AddOpcodes(Opcodes);
    }
}
