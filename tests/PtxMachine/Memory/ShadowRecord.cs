namespace HeadTap.PtxMachine;

/// <summary>
/// What is remembered of each 4-byte word to see races: one record of the last write and one of the reads
/// since.
/// </summary>
/// <remarks>
/// A record is a time (48 bits), a thread of its block (10 bits) and flags (6 bits). Time counts the
/// intervals between barriers: its upper bits are the number of a block of a launch, which no other block
/// and no other launch has, so records never need clearing. A block that runs out of intervals takes a
/// further number.
/// </remarks>
static class ShadowRecord
{
    /// <summary>Of a word.</summary>
    public const nuint BytesPerWord = 16;

    /// <summary>Bits of the interval within a number.</summary>
    public const int IntervalBits = 10;

    /// <summary>Right shift of a record that leaves the time.</summary>
    public const int TimeShift = 16;

    /// <summary>Right shift of a record that leaves the number of the block.</summary>
    public const int ChunkShift = TimeShift + IntervalBits;

    /// <summary>Right shift of a record that leaves the thread below the time.</summary>
    public const int ThreadShift = 6;

    /// <summary>In a write: a copy that its issuer has not waited for. In reads: more lanes of the same
    /// warp.</summary>
    public const ulong PendingOrLanes = 1;

    /// <summary>In a write: by a copy. In reads: more warps of the block.</summary>
    public const ulong CopyOrWarps = 2;

    /// <summary>In reads: more blocks.</summary>
    public const ulong Blocks = 4;

    /// <summary>Low bits of the number of warp barriers that the thread's warp had passed.</summary>
    public const int SyncShift = 3;

    /// <summary>The bits of <see cref="SyncShift"/>.</summary>
    public const ulong SyncMask = 7 << SyncShift;

    /// <summary>The thread of a record.</summary>
    public static int Thread(ulong record) => (int)(record >> ThreadShift) & 1023;
}
