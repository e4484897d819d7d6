using System.Runtime.CompilerServices;

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
            run.Traffic.LoadedSectors += Traffic.Sectors(addresses, op->Imm, warp.Mask);
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
            run.Traffic.StoredSectors += Traffic.Sectors(addresses, op->Imm, warp.Mask);
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
