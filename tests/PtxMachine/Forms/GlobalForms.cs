using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadTap.PtxMachine;

/// <summary>ld.global and st.global.</summary>
static unsafe class GlobalForms
{
    /// <summary>Loads one or more elements a lane.</summary>
    public static void Load<T>(Op* op, Warp warp) where T : unmanaged
    {
        BlockRun run = warp.Block;
        ulong* addresses = (ulong*)(warp.Registers + op->A);
        if (run.Counting)
            run.Traffic.Global(
                ref run.Tallies[op->Index], addresses, op->Imm, warp.Mask, op->Size, store: false);
        if (op->Size == 4 && TryReachRow(op, warp, addresses, out nint start, out ulong* row))
        {
            LoadRow(op, warp, start, row);
            return;
        }
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            nint at = (nint)addresses[lane] + (nint)op->Imm;
            ulong* shadow = Reach(op, warp, lane, at, op->Size, op->Size);
            if (run.Races)
            {
                ulong me = run.Record(warp, lane);
                for (int i = 0; i < op->Size / 4; i++)
                    RaceCheck.GlobalRead(op, warp, lane, shadow + 2 * i, me);
            }
            for (int i = 0; i < op->Count; i++)
                ((T*)(warp.Registers + op->List[i]))[lane] = ((T*)at)[i];
        }
    }

    /// <summary>Stores one or more elements a lane.</summary>
    public static void Store<T>(Op* op, Warp warp) where T : unmanaged
    {
        BlockRun run = warp.Block;
        ulong* addresses = (ulong*)(warp.Registers + op->A);
        if (run.Counting)
            run.Traffic.Global(
                ref run.Tallies[op->Index], addresses, op->Imm, warp.Mask, op->Size, store: true);
        if (op->Size == 4 && TryReachRow(op, warp, addresses, out nint start, out ulong* row))
        {
            StoreRow(op, warp, start, row);
            return;
        }
        // What one instruction writes is compared as a whole before any of it is remembered: lanes that
        // write one word together are no race, just undefined as to which comes last.
        ulong** shadows = stackalloc ulong*[Warp.Lanes];
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            shadows[lane] = Reach(op, warp, lane, (nint)addresses[lane] + (nint)op->Imm, op->Size, op->Size);
            if (run.Races)
                for (int i = 0; i < op->Size / 4; i++)
                    RaceCheck.GlobalWrite(op, warp, lane, shadows[lane] + 2 * i, run.Record(warp, lane));
        }
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            nint at = (nint)addresses[lane] + (nint)op->Imm;
            if (run.Races)
                for (int i = 0; i < op->Size / 4; i++)
                    shadows[lane][2 * i] = run.Record(warp, lane);
            for (int i = 0; i < op->Count; i++)
                ((T*)at)[i] = ((T*)(warp.Registers + op->List[i]))[lane];
        }
    }

    /// <summary>
    /// Checks an address; answers the records of its first word, null where nothing is watched.
    /// </summary>
    /// <param name="op">The instruction.</param>
    /// <param name="warp">The warp.</param>
    /// <param name="lane">Who reaches.</param>
    /// <param name="at">The address.</param>
    /// <param name="bytes">As many are touched.</param>
    /// <param name="alignment">What the address must be a multiple of.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong* Reach(Op* op, Warp warp, int lane, nint at, int bytes, int alignment)
    {
        BlockRun run = warp.Block;
        if (!run.Bounds && !run.Races)
            return null;
        Allocation[] all = run.Allocations;
        int guess = op->Guess;
        if ((uint)guess < (uint)all.Length)
        {
            ref readonly Allocation allocation = ref all[guess];
            long offset = at - allocation.Start;
            if (offset >= 0 && offset <= allocation.Bytes - bytes && (offset & alignment - 1) == 0)
                return (ulong*)allocation.Shadow + offset / 4 * 2;
        }
        return Find(op, warp, lane, at, bytes, alignment);
    }

    // The common case: all lanes active, a word each, side by side in an allocation that the instruction met
    // before. Whatever is different, faults included, takes the way lane by lane.
    static bool TryReachRow(Op* op, Warp warp, ulong* addresses, out nint start, out ulong* row)
    {
        Allocation[] all = warp.Block.Allocations;
        start = (nint)addresses[0] + (nint)op->Imm;
        row = null;
        if (warp.Mask != ~0u || (uint)op->Guess >= (uint)all.Length)
            return false;
        Vector512<ulong> next =
            Vector512.Create(addresses[0]) + Vector512.Create(0ul, 4, 8, 12, 16, 20, 24, 28);
        for (int q = 0; q < 4; q++, next += Vector512.Create(32ul))
            if (Vector512.LoadAligned(addresses + 8 * q) != next)
                return false;
        ref readonly Allocation allocation = ref all[op->Guess];
        long offset = start - allocation.Start;
        row = (ulong*)allocation.Shadow + offset / 4 * 2;
        return offset >= 0 && offset <= allocation.Bytes - 4 * Warp.Lanes && (offset & 3) == 0;
    }

    static void LoadRow(Op* op, Warp warp, nint start, ulong* row)
    {
        BlockRun run = warp.Block;
        if (run.Races)
        {
            ulong me = run.Record(warp, 0);
            for (int lane = 0; lane < Warp.Lanes; lane++, me += 1 << ShadowRecord.ThreadShift)
                RaceCheck.GlobalRead(op, warp, lane, row + 2 * lane, me);
        }
        warp.Store(op->List[0], Vector512.Load((uint*)start), Vector512.Load((uint*)start + 16));
    }

    static void StoreRow(Op* op, Warp warp, nint start, ulong* row)
    {
        BlockRun run = warp.Block;
        if (run.Races)
        {
            ulong me = run.Record(warp, 0), old = run.LaunchChunk << ShadowRecord.ChunkShift;
            for (int lane = 0; lane < Warp.Lanes; lane++, me += 1 << ShadowRecord.ThreadShift)
            {
                if (row[2 * lane] >= old || row[2 * lane + 1] >= old)
                    RaceCheck.GlobalWrite(op, warp, lane, row + 2 * lane, me);
                row[2 * lane] = me;
            }
        }
        WordForms.Low(warp, op->List[0]).Store((uint*)start);
        WordForms.High(warp, op->List[0]).Store((uint*)start + 16);
    }

    static ulong* Find(Op* op, Warp warp, int lane, nint at, int bytes, int alignment)
    {
        Allocation[] all = warp.Block.Allocations;
        int found = DeviceMemory.Find(all, at);
        if (found < 0)
            warp.Block.Fault(warp, op->Index, lane, FaultKind.OutOfBounds,
                $"{bytes} bytes at global address {at:x}, which no allocation holds{Near(all, at)}");
        Allocation allocation = all[found];
        long offset = at - allocation.Start;
        if (offset > allocation.Bytes - bytes)
            warp.Block.Fault(warp, op->Index, lane, FaultKind.OutOfBounds,
                $"{bytes} bytes at offset {offset} of an allocation of {allocation.Bytes} bytes");
        if ((offset & alignment - 1) != 0)
            warp.Block.Fault(warp, op->Index, lane, FaultKind.Misaligned,
                $"{alignment} bytes at offset {offset} of an allocation");
        op->Guess = found;
        return (ulong*)allocation.Shadow + offset / 4 * 2;
    }

    static string Near(Allocation[] all, nint at)
    {
        foreach (Allocation a in all)
            if (at < a.Start && a.Start - at <= 4096)
                return $", {a.Start - at} before one of {a.Bytes} bytes";
            else if (at >= a.Start + a.Bytes && at - a.Start - a.Bytes < 4096)
                return $", {at - a.Start - a.Bytes} past the end of one of {a.Bytes} bytes";
        return "";
    }
}
