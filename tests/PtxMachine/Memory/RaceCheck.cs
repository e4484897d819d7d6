using System.Runtime.CompilerServices;

namespace HeadTap.PtxMachine;

/// <summary>
/// Compares an access with what is remembered of its word, and remembers it. Two accesses conflict when one
/// is a write and they are of different threads of a block between the same barriers, or of different
/// blocks of a launch.
/// </summary>
static unsafe class RaceCheck
{
    const ulong ManyMask = 7;

    /// <summary>A lane reads a word of shared memory; as a member of the whole warp for
    /// ldmatrix.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SharedRead(Op* op, Warp warp, int lane, ulong* word, ulong me, bool whole = false)
    {
        BlockRun run = warp.Block;
        ulong written = word[0];
        ulong time = written >> ShadowRecord.TimeShift;
        if (time - run.FirstTime >= run.Time - run.FirstTime
            || (written & (ShadowRecord.PendingOrLanes | ShadowRecord.CopyOrWarps)) != 0)
            SharedReadOfWrite(op, warp, lane, written, me, whole);
        ulong read = word[1];
        if (read != me)
            word[1] = read >> ShadowRecord.TimeShift != run.Time ? me : Merged(read, me);
        if (whole)
            word[1] |= ShadowRecord.PendingOrLanes;
    }

    /// <summary>A lane would write a word of shared memory.</summary>
    public static void SharedWrite(Op* op, Warp warp, int lane, ulong* word, ulong me)
    {
        BlockRun run = warp.Block;
        ulong written = word[0], read = word[1];
        ulong time = written >> ShadowRecord.TimeShift;
        if (time >= run.FirstTime && (written & ShadowRecord.PendingOrLanes) != 0)
            run.Fault(warp, op->Index, lane, FaultKind.AsyncCopy,
                $"a write where a copy of thread {Other(run, written)} is under way");
        if (time == run.Time && !Ordered(written, me))
            run.Fault(warp, op->Index, lane, Kind(written),
                $"a write after one of thread {Other(run, written)} without a barrier between");
        if (read >> ShadowRecord.TimeShift == run.Time && !ReadOrdered(read, me))
            run.Fault(warp, op->Index, lane, FaultKind.SharedRace,
                $"a write after a read of thread {Other(run, read)}{More(read)} without a barrier between");
    }

    /// <summary>A lane reads a word of global memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void GlobalRead(Op* op, Warp warp, int lane, ulong* word, ulong me)
    {
        BlockRun run = warp.Block;
        ulong written = word[0];
        if (written >> ShadowRecord.ChunkShift >= run.LaunchChunk)
            GlobalAfterWrite(op, warp, lane, written, me, "read");
        ulong read = word[1];
        if (read == me)
            return;
        ulong chunk = read >> ShadowRecord.ChunkShift;
        word[1] = chunk < run.LaunchChunk ? me : MergedGlobal(run, read, me);
    }

    /// <summary>A lane would write a word of global memory.</summary>
    public static void GlobalWrite(Op* op, Warp warp, int lane, ulong* word, ulong me)
    {
        BlockRun run = warp.Block;
        ulong written = word[0], read = word[1];
        if (written >> ShadowRecord.ChunkShift >= run.LaunchChunk)
            GlobalAfterWrite(op, warp, lane, written, me, "write");
        ulong chunk = read >> ShadowRecord.ChunkShift;
        if (chunk < run.LaunchChunk)
            return;
        if ((read & ShadowRecord.Blocks) != 0 || !run.IsMine(chunk))
            run.Fault(warp, op->Index, lane, FaultKind.GlobalRace,
                "a write of what another block of the launch reads");
        if (read >> ShadowRecord.TimeShift == run.Time && !ReadOrdered(read, me))
            run.Fault(warp, op->Index, lane, FaultKind.GlobalRace,
                $"a write after a read of thread {Other(run, read)}{More(read)} without a barrier between");
    }

    static void SharedReadOfWrite(Op* op, Warp warp, int lane, ulong written, ulong me, bool whole)
    {
        BlockRun run = warp.Block;
        ulong time = written >> ShadowRecord.TimeShift;
        if (time < run.FirstTime)
        {
            if (run.Uninitialised)
                run.Fault(warp, op->Index, lane, FaultKind.Uninitialised,
                    "a read of shared memory that the block never wrote");
        }
        else if (!run.Races)
            return;
        else if ((written & ShadowRecord.PendingOrLanes) != 0)
            run.Fault(warp, op->Index, lane, FaultKind.AsyncCopy,
                $"a read of a copy that thread {Other(run, written)} has not waited for");
        else if (time == run.Time && (whole ? !SyncedSince(written, me) : !Ordered(written, me)))
            run.Fault(warp, op->Index, lane, Kind(written),
                $"a read after a write of thread {Other(run, written)} without a barrier between");
    }

    static void GlobalAfterWrite(Op* op, Warp warp, int lane, ulong written, ulong me, string access)
    {
        BlockRun run = warp.Block;
        if (!run.IsMine(written >> ShadowRecord.ChunkShift))
            run.Fault(warp, op->Index, lane, FaultKind.GlobalRace,
                $"a {access} of what another block of the launch writes");
        if (written >> ShadowRecord.TimeShift == run.Time && !Ordered(written, me))
            run.Fault(warp, op->Index, lane, FaultKind.GlobalRace,
                $"a {access} after a write of thread {Other(run, written)} without a barrier between");
    }

    // One thread's accesses are in its order; those of a warp's lanes are where bar.warp.sync stands between.
    static bool Ordered(ulong other, ulong me) =>
        ShadowRecord.Thread(other) == ShadowRecord.Thread(me) || SyncedSince(other, me);

    static bool SyncedSince(ulong other, ulong me) =>
        ShadowRecord.Thread(other) / Warp.Lanes == ShadowRecord.Thread(me) / Warp.Lanes
        && ((other ^ me) & ShadowRecord.SyncMask) != 0;

    static bool ReadOrdered(ulong read, ulong me) =>
        (read & (ShadowRecord.PendingOrLanes | ShadowRecord.CopyOrWarps)) == 0 ? Ordered(read, me)
        : (read & ShadowRecord.CopyOrWarps) == 0 && SyncedSince(read, me);

    // The reads of one interval: the last reader, and whether there were others.
    static ulong Merged(ulong read, ulong me)
    {
        ulong many = read & (ShadowRecord.PendingOrLanes | ShadowRecord.CopyOrWarps);
        int other = ShadowRecord.Thread(read), mine = ShadowRecord.Thread(me);
        if (other / Warp.Lanes != mine / Warp.Lanes)
            many |= ShadowRecord.CopyOrWarps;
        else if (SyncedSince(read, me))
            many &= ~ShadowRecord.PendingOrLanes;
        else if (other != mine)
            many |= ShadowRecord.PendingOrLanes;
        return me | many;
    }

    static ulong MergedGlobal(BlockRun run, ulong read, ulong me)
    {
        if (!run.IsMine(read >> ShadowRecord.ChunkShift))
            return me | ShadowRecord.Blocks;
        ulong blocks = read & ShadowRecord.Blocks;
        return read >> ShadowRecord.TimeShift == run.Time ? Merged(read & ~ShadowRecord.Blocks, me) | blocks
            : me | blocks;
    }

    static FaultKind Kind(ulong written) =>
        (written & ShadowRecord.CopyOrWarps) != 0 ? FaultKind.AsyncCopy : FaultKind.SharedRace;

    static Dim3 Other(BlockRun run, ulong record) => run.Launch.Block.At(ShadowRecord.Thread(record));

    static string More(ulong read) => (read & ManyMask) != 0 ? " and others" : "";
}
