namespace HeadTap.PtxMachine;

/// <summary>cp.async: copies from global to shared memory that end later.</summary>
static unsafe class CopyForms
{
    /// <summary>Issues a copy of Size bytes a lane; C, where there is one, says how many are read.</summary>
    public static void Issue(Op* op, Warp warp)
    {
        BlockRun run = warp.Block;
        ulong* sources = (ulong*)(warp.Registers + op->B);
        int* to = stackalloc int[Warp.Lanes];
        if (run.Counting)
        {
            run.Traffic.Global(ref run.Tallies[op->Index], sources, op->Count, Reading(op, warp), op->Size,
                store: false);
            SharedForms.Count(op, warp);
        }
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            to[lane] = SharedForms.Reach(op, warp, lane, op->A, op->Size);
            if (run.Races)
                for (int i = 0; i < op->Size / 4; i++)
                    RaceCheck.SharedWrite(op, warp, lane, run.Shadow + 2 * (to[lane] / 4 + i),
                        run.Record(warp, lane));
        }
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            uint read = op->C < 0 ? (uint)op->Size : ((uint*)(warp.Registers + op->C))[lane];
            if (read > op->Size)
                run.Fault(warp, op->Index, lane, FaultKind.OutOfBounds,
                    $"a copy of {op->Size} bytes that reads {read}");
            nint from = (nint)sources[lane] + op->Count;
            if ((from & op->Size - 1) != 0)
                run.Fault(warp, op->Index, lane, FaultKind.Misaligned,
                    $"a copy of {op->Size} bytes from global address {from:x}");
            ReadSource(op, warp, lane, from, (int)read);
            if (run.Watched)
                for (int i = 0; i < op->Size / 4; i++)
                    run.Shadow[2 * (to[lane] / 4 + i)] =
                        run.Record(warp, lane) | ShadowRecord.PendingOrLanes | ShadowRecord.CopyOrWarps;
            warp.Copies.Issue(
                lane, from, (nint)run.Shared + to[lane], (int)read, op->Size - (int)read, to[lane] / 4);
        }
    }

    /// <summary>cp.async.commit_group</summary>
    public static void Commit(Op* op, Warp warp) => warp.Copies.Commit(warp.Mask);

    /// <summary>cp.async.wait_group: all but the Imm newest groups.</summary>
    public static void Wait(Op* op, Warp warp) => warp.Copies.Wait(warp, (int)op->Imm);

    // The lanes whose copies read anything.
    static uint Reading(Op* op, Warp warp)
    {
        uint mask = warp.Mask;
        for (int lane = 0; op->C >= 0 && lane < Warp.Lanes; lane++)
            if (((uint*)(warp.Registers + op->C))[lane] == 0)
                mask &= ~(1u << lane);
        return mask;
    }

    static void ReadSource(Op* op, Warp warp, int lane, nint from, int read)
    {
        if (read == 0)
            return;
        ulong* shadow = GlobalForms.Reach(op, warp, lane, from, read, 4);
        if (!warp.Block.Races)
            return;
        ulong me = warp.Block.Record(warp, lane);
        for (int i = 0; i < (read + 3) / 4; i++)
            RaceCheck.GlobalRead(op, warp, lane, shadow + 2 * i, me);
    }
}
