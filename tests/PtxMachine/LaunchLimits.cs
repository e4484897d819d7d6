namespace HeadTap.PtxMachine;

/// <summary>What a driver refuses before a kernel runs.</summary>
static class LaunchLimits
{
    /// <summary>Throws the fault of a launch that the architecture or the entry does not allow.</summary>
    public static void Check(
        PtxArchitecture architecture, PtxEntry entry, Dim3 grid, Dim3 block, int dynamicSharedBytes,
        int parameterBytes)
    {
        void Require(bool holds, string what)
        {
            if (!holds)
                throw new PtxFault(entry.Name, what);
        }
        Require(entry.Target <= 10 * architecture.Major + architecture.Minor,
            $"the text is for sm_{entry.Target}, the machine is {architecture.Name}");
        Require(parameterBytes == entry.ParameterBytes,
            $"{parameterBytes} bytes of parameters, the entry takes {entry.ParameterBytes}");
        Require(entry.ParameterBytes <= architecture.MaxParameterBytes,
            $"{entry.ParameterBytes} bytes of parameters, {architecture.MaxParameterBytes} are possible");
        Require(grid is { X: > 0, Y: > 0, Z: > 0 }, $"an empty grid {grid}");
        Require(grid.Y <= architecture.MaxGrid.Y && grid.Z <= architecture.MaxGrid.Z,
            $"a grid of {grid}, {architecture.MaxGrid} is possible");
        Require(block is { X: > 0, Y: > 0, Z: > 0 }, $"an empty block {block}");
        Require(block.X <= architecture.MaxBlock.X && block.Y <= architecture.MaxBlock.Y
            && block.Z <= architecture.MaxBlock.Z && block.Count <= architecture.MaxThreadsPerBlock,
            $"a block of {block}, {architecture.MaxThreadsPerBlock} threads and {architecture.MaxBlock} are"
            + " possible");
        Require(block.Count <= entry.MaxThreads,
            $"a block of {block.Count} threads, the entry says {entry.MaxThreads} at most");
        Require(entry.StaticSharedBytes <= architecture.SharedBytesPerBlock,
            $"{entry.StaticSharedBytes} bytes of shared memory, {architecture.SharedBytesPerBlock} may be"
            + " declared");
        Require(dynamicSharedBytes >= 0
            && entry.StaticSharedBytes + (long)dynamicSharedBytes <= architecture.SharedBytesOptIn,
            $"{entry.StaticSharedBytes} + {dynamicSharedBytes} bytes of shared memory,"
            + $" {architecture.SharedBytesOptIn} are possible");
    }
}
