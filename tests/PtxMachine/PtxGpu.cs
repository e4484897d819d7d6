namespace HeadTap.PtxMachine;

/// <summary>
/// Runs kernels on the host: a block after the other on every core, a warp as vectors of 32 lanes.
/// </summary>
/// <param name="architecture">Whose limits hold.</param>
/// <param name="memory">What global addresses reach.</param>
/// <param name="checks">What is watched.</param>
public sealed class PtxGpu(PtxArchitecture architecture, DeviceMemory memory, MachineChecks checks)
{
    /// <summary>Whose limits hold.</summary>
    public PtxArchitecture Architecture { get; } = architecture;

    /// <summary>What global addresses reach.</summary>
    public DeviceMemory Memory { get; } = memory;

    /// <summary>What is watched.</summary>
    public MachineChecks Checks { get; } = checks;

    /// <summary>What the launches did so far.</summary>
    public MachineCounters Counters { get; } = new();

    /// <summary>Runs a launch to its end; a <see cref="PtxFault"/> tells the first defect.</summary>
    /// <param name="entry">The kernel.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="block">Threads of a block.</param>
    /// <param name="dynamicSharedBytes">Size of the entry's extern shared memory.</param>
    /// <param name="parameters">The bytes of the parameters at their offsets.</param>
    public void Launch(
        PtxEntry entry, Dim3 grid, Dim3 block, int dynamicSharedBytes, ReadOnlySpan<byte> parameters)
        => throw new NotImplementedException();
}
