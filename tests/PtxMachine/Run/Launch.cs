namespace HeadTap.PtxMachine;

/// <summary>What the blocks of one launch have in common.</summary>
sealed class Launch
{
    /// <summary>The kernel.</summary>
    public required KernelProgram Program { get; init; }

    /// <summary>What is watched.</summary>
    public required MachineChecks Checks { get; init; }

    /// <summary>What global addresses reach.</summary>
    public required DeviceMemory Memory { get; init; }

    /// <summary>Blocks.</summary>
    public required Dim3 Grid { get; init; }

    /// <summary>Threads of a block.</summary>
    public required Dim3 Block { get; init; }

    /// <summary>Address of the parameters.</summary>
    public required nint Parameters { get; init; }

    /// <summary>The allocations by address.</summary>
    public required Allocation[] Allocations { get; init; }

    /// <summary>Number of the first block in records; the others follow.</summary>
    public required long FirstChunk { get; init; }

    /// <summary>Numbers of the blocks that run; null for all.</summary>
    public long[]? Numbers { get; init; }

    /// <summary>Shared memory of a block.</summary>
    public required int SharedBytes { get; init; }

    /// <summary>The shared symbols, the size of extern memory filled in.</summary>
    public required SharedSymbol[] Symbols { get; init; }
}
