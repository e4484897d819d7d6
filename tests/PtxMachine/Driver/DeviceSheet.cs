namespace HeadTap.PtxMachine;

/// <summary>
/// What a host program reads of a card and <see cref="PtxArchitecture"/> leaves out, because no kernel can
/// see it.
/// </summary>
/// <param name="Card">The card whose numbers these are.</param>
/// <param name="Blocks">Blocks that one multiprocessor holds.</param>
/// <param name="ReservedSharedBytes">Shared memory that the system takes for each block.</param>
/// <param name="ClockKilohertz">The clock of the multiprocessors.</param>
/// <param name="MemoryKilohertz">The clock of the memory.</param>
/// <param name="MemoryBits">The width of the memory's bus.</param>
/// <param name="MemoryBytes">The card's memory.</param>
/// <remarks>From CUDA's table of technical specifications by compute capability, and NVIDIA's data sheets of
/// T4, A100 and H100 (SXM).</remarks>
sealed record DeviceSheet(
    string Card, int Blocks, int ReservedSharedBytes, int ClockKilohertz, int MemoryKilohertz, int MemoryBits,
    long MemoryBytes)
{
    const long GiB = 1L << 30;

    /// <summary>The numbers of the card that stands for an architecture.</summary>
    internal static DeviceSheet Of(PtxArchitecture architecture) => architecture.Major switch
    {
        7 => new("T4", 16, 0, 1_590_000, 5_001_000, 256, 16 * GiB),
        8 => new("A100", 32, 1024, 1_410_000, 1_215_000, 5120, 40 * GiB),
        _ => new("H100", 32, 1024, 1_980_000, 2_619_000, 5120, 80 * GiB),
    };
}
