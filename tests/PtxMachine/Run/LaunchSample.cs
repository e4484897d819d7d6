namespace HeadTap.PtxMachine;

/// <summary>What some blocks of a launch counted.</summary>
/// <param name="Kernel">The entry, and in brackets its parameters.</param>
/// <param name="Grid">Blocks of the launch.</param>
/// <param name="Block">Threads of a block.</param>
/// <param name="SharedBytes">Shared memory of a block.</param>
/// <param name="BlocksRun">As many blocks ran.</param>
/// <param name="Counters">Of the blocks that ran.</param>
/// <param name="Accesses">Instructions that touched memory, in the order of the text.</param>
public sealed record LaunchSample(
    string Kernel, Dim3 Grid, Dim3 Block, int SharedBytes, int BlocksRun, MachineCounters Counters,
    IReadOnlyList<AccessCount> Accesses)
{
    /// <summary>Launches that it speaks for.</summary>
    public int Times { get; init; } = 1;

    /// <summary>What a count of the blocks that ran is multiplied by for the whole launch.</summary>
    public double Scale => (double)Grid.Count / BlocksRun;
}
