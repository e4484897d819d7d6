namespace HeadTap.PtxMachine;

/// <summary>What a launch is watched for, and how approximate instructions round.</summary>
public sealed record MachineChecks
{
    /// <summary>Looks for races in shared and global memory, and for copies touched before their
    /// wait.</summary>
    public bool Races { get; init; } = true;

    /// <summary>Compares global addresses with the allocations; without it, and without
    /// <see cref="Races"/>, a stray access reaches the host's own memory. Other memories are always
    /// watched.</summary>
    public bool Bounds { get; init; } = true;

    /// <summary>Looks for reads of shared memory that nobody wrote in this block.</summary>
    public bool Uninitialised { get; init; } = true;

    /// <summary>Approximate instructions err by as much as PTX allows; the sign comes from
    /// <see cref="Seed"/>.</summary>
    public bool WorstCase { get; init; }

    /// <summary>Fuses products and sums, as ptxas may (<see cref="Contraction"/>).</summary>
    public bool Contract { get; init; }

    /// <summary>Chooses the signs of the errors, and which of two products is fused.</summary>
    public int Seed { get; init; }

    /// <summary>Counts what a cost model needs.</summary>
    public bool Counters { get; init; }

    /// <summary>Instructions after which a warp counts as endless in its block; about two minutes of
    /// them.</summary>
    public long MaxInstructions { get; init; } = 1L << 32;

    /// <summary>Cores that the blocks of a launch are spread over; results do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;
}
