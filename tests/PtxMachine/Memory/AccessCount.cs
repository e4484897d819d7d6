namespace HeadTap.PtxMachine;

/// <summary>What one instruction asked of the memories in the blocks of a launch that ran.</summary>
/// <param name="Line">Of the module, from 1.</param>
/// <param name="Text">The instruction as written.</param>
/// <param name="Executions">How often a warp executed it.</param>
/// <param name="LoadedSectors">Sectors of 32 bytes of global memory that it read.</param>
/// <param name="StoredSectors">The same of writes.</param>
/// <param name="UsefulBytes">Bytes of global memory that lanes asked for, a word that several lanes ask for
/// together counted once.</param>
/// <param name="LeastSectors">Sectors that the bytes of each execution would fill side by side.</param>
/// <param name="SharedCycles">Cycles of the banks of shared memory.</param>
/// <param name="BankConflicts">Those that a placement without conflicts would not need.</param>
/// <param name="View">Start of the operand that its first address lies in: the nearest one before it; 0
/// without one.</param>
/// <param name="ViewBytes">Length of that operand, as the launch was told it.</param>
public readonly record struct AccessCount(
    int Line, string Text, long Executions, long LoadedSectors, long StoredSectors, long UsefulBytes,
    long LeastSectors, long SharedCycles, long BankConflicts, nint View, long ViewBytes);
