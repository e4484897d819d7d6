using System.Runtime.CompilerServices;

namespace HeadTap.PtxMachine;

/// <summary>ld.shared and st.shared.</summary>
static unsafe class SharedForms
{
    /// <summary>Loads one or more elements a lane.</summary>
    public static void Load<T>(Op* op, Warp warp) where T : unmanaged
    {
        BlockRun run = warp.Block;
        if (run.Counting)
            Count(op, warp);
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            int at = Reach(op, warp, lane, op->A, op->Size);
            if (run.Watched)
            {
                ulong me = run.Record(warp, lane);
                for (int i = 0; i < op->Size / 4; i++)
                    RaceCheck.SharedRead(op, warp, lane, run.Shadow + 2 * (at / 4 + i), me);
            }
            for (int i = 0; i < op->Count; i++)
                ((T*)(warp.Registers + op->List[i]))[lane] = ((T*)(run.Shared + at))[i];
        }
    }

    /// <summary>Stores one or more elements a lane.</summary>
    public static void Store<T>(Op* op, Warp warp) where T : unmanaged
    {
        BlockRun run = warp.Block;
        int* at = stackalloc int[Warp.Lanes];
        if (run.Counting)
            Count(op, warp);
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            at[lane] = Reach(op, warp, lane, op->A, op->Size);
            if (run.Races)
                for (int i = 0; i < op->Size / 4; i++)
                    RaceCheck.SharedWrite(op, warp, lane, run.Shadow + 2 * (at[lane] / 4 + i),
                        run.Record(warp, lane));
        }
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            if (run.Watched)
                for (int i = 0; i < op->Size / 4; i++)
                    run.Shadow[2 * (at[lane] / 4 + i)] = run.Record(warp, lane);
            for (int i = 0; i < op->Count; i++)
                ((T*)(run.Shared + at[lane]))[i] = ((T*)(warp.Registers + op->List[i]))[lane];
        }
    }

    /// <summary>Counts the cycles of an access of all active lanes.</summary>
    public static void Count(Op* op, Warp warp)
    {
        int* at = stackalloc int[Warp.Lanes];
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
            at[Warp.First(rest)] = Reach(op, warp, Warp.First(rest), op->A, op->Size);
        warp.Block.Traffic.Shared(ref warp.Block.Tallies[op->Index], at, warp.Mask, op->Size);
    }

    /// <summary>
    /// The place in the block's memory that a lane's address means; faults where it is none of a symbol or
    /// where the symbol's declaration does not promise the alignment.
    /// </summary>
    /// <param name="op">The instruction.</param>
    /// <param name="warp">The warp.</param>
    /// <param name="lane">Who reaches.</param>
    /// <param name="register">Byte offset of the address register; negative for none.</param>
    /// <param name="bytes">As many are touched, and the address must be a multiple of it.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Reach(Op* op, Warp warp, int lane, int register, int bytes)
    {
        BlockRun run = warp.Block;
        ulong address = (op->Wide ? ((ulong*)(warp.Registers + register))[lane]
            : ((uint*)(warp.Registers + register))[lane]) + (ulong)op->Imm;
        ulong symbol = (address >> SharedLayout.OffsetBits) - 1;
        int offset = (int)address & (1 << SharedLayout.OffsetBits) - 1;
        SharedSymbol[] symbols = run.Symbols;
        if (symbol < (ulong)symbols.Length)
        {
            ref readonly SharedSymbol found = ref symbols[(int)symbol];
            if (offset <= found.Bytes - bytes && bytes <= found.Alignment && (offset & bytes - 1) == 0)
                return found.Start + offset;
        }
        Refuse(op, warp, lane, symbol, offset, bytes);
        return 0;
    }

    static void Refuse(Op* op, Warp warp, int lane, ulong symbol, int offset, int bytes)
    {
        BlockRun run = warp.Block;
        if (symbol >= (ulong)run.Symbols.Length)
            run.Fault(warp, op->Index, lane, FaultKind.OutOfBounds,
                $"{bytes} bytes at a shared address outside of every symbol");
        SharedSymbol found = run.Symbols[(int)symbol];
        string name = run.Launch.Program.Layout.Shared[(int)symbol].Name;
        if (offset > found.Bytes - bytes)
            run.Fault(warp, op->Index, lane, FaultKind.OutOfBounds,
                $"{bytes} bytes at offset {offset} of {name}, which has {found.Bytes}");
        run.Fault(warp, op->Index, lane, FaultKind.Misaligned, bytes > found.Alignment
            ? $"{bytes} bytes of {name}, which is declared .align {found.Alignment}"
            : $"{bytes} bytes at offset {offset} of {name}");
    }
}
