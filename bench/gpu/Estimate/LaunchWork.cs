namespace HeadTap.Gpu;

/// <summary>What one launch does, the blocks that did not run included.</summary>
/// <param name="Kernel">Its name.</param>
/// <param name="Blocks">Of the grid.</param>
/// <param name="Times">Equal launches.</param>
/// <param name="Mix">Its instructions.</param>
/// <param name="SectorBytes">Sectors of global memory that warps asked for, in bytes.</param>
/// <param name="UsefulBytes">What of them lanes asked for.</param>
/// <param name="MemoryBytes">What device memory must move if caches keep all that is asked for again: of each
/// operand its length, or what was asked of it where that is less.</param>
/// <param name="SharedCycles">Cycles of 128 bytes of shared memory.</param>
/// <param name="Conflicts">Those of them that are conflicts of banks.</param>
/// <param name="Barriers">Of a block, counted for each of its warps.</param>
sealed record LaunchWork(
    string Kernel, long Blocks, int Times, InstructionMix Mix, double SectorBytes, double UsefulBytes,
    double MemoryBytes, double SharedCycles, double Conflicts, double Barriers);
