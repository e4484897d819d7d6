namespace HeadTap.PtxMachine;

/// <summary>The limits of one compute capability, as the CUDA programming guide tables them.</summary>
/// <param name="Name"><c>sm_80</c></param>
/// <param name="Major">Compute capability before the point.</param>
/// <param name="Minor">Compute capability behind it.</param>
/// <param name="SharedBytesPerBlock">Shared memory that a block may declare.</param>
/// <param name="SharedBytesOptIn">Shared memory that a block may have in all, if asked for.</param>
/// <param name="SharedBytesPerMultiprocessor">Shared memory of a multiprocessor.</param>
/// <param name="MaxThreadsPerMultiprocessor">Threads that a multiprocessor holds.</param>
/// <param name="Multiprocessors">Of the card that the numbers are taken from.</param>
/// <param name="L2Bytes">Second-level cache of that card.</param>
public sealed record PtxArchitecture(
    string Name, int Major, int Minor, int SharedBytesPerBlock, int SharedBytesOptIn,
    int SharedBytesPerMultiprocessor, int MaxThreadsPerMultiprocessor, int Multiprocessors, int L2Bytes)
{
    /// <summary>Turing; the card is a T4.</summary>
    public static PtxArchitecture Sm75 { get; } =
        new("sm_75", 7, 5, 48 << 10, 64 << 10, 64 << 10, 1024, 40, 4 << 20);

    /// <summary>Ampere; the card is an A100.</summary>
    public static PtxArchitecture Sm80 { get; } =
        new("sm_80", 8, 0, 48 << 10, 163 << 10, 164 << 10, 2048, 108, 40 << 20);

    /// <summary>Hopper; the card is an H100.</summary>
    public static PtxArchitecture Sm90 { get; } =
        new("sm_90", 9, 0, 48 << 10, 227 << 10, 228 << 10, 2048, 132, 50 << 20);

    /// <summary>Every architecture, oldest first.</summary>
    public static IReadOnlyList<PtxArchitecture> All { get; } = [Sm75, Sm80, Sm90];

    /// <summary>Threads of a block.</summary>
    public int MaxThreadsPerBlock => 1024;

    /// <summary>The largest block along each axis.</summary>
    public Dim3 MaxBlock => new(1024, 1024, 64);

    /// <summary>The largest grid along each axis.</summary>
    public Dim3 MaxGrid => new(int.MaxValue, 65535, 65535);

    /// <summary>Lanes of a warp.</summary>
    public int WarpSize => 32;

    /// <summary>32-bit registers of a block.</summary>
    public int RegistersPerBlock => 65536;

    /// <summary>Bytes of parameters that an entry may take.</summary>
    public int MaxParameterBytes => 4096;
}
