using System.Runtime.Intrinsics;

namespace HeadTap.PtxMachine;

/// <summary>ld.param, and the local memory of threads.</summary>
static unsafe class SmallMemoryForms
{
    /// <summary>A word of the parameters, the same in every lane.</summary>
    public static void LoadParameterWord(Op* op, Warp warp)
    {
        Vector512<uint> value = Vector512.Create(*(uint*)(warp.Block.Launch.Parameters + (nint)op->Imm));
        warp.Store(op->D, value, value);
    }

    /// <summary>64 bits of the parameters, the same in every lane.</summary>
    public static void LoadParameterLong(Op* op, Warp warp)
    {
        Vector512<ulong> value = Vector512.Create(*(ulong*)(warp.Block.Launch.Parameters + (nint)op->Imm));
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, value);
    }

    /// <summary>ld.local</summary>
    public static void LoadLocal<T>(Op* op, Warp warp) where T : unmanaged
    {
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            T* at = (T*)Reach(op, warp, lane);
            for (int i = 0; i < op->Count; i++)
                ((T*)(warp.Registers + op->List[i]))[lane] = at[i];
        }
    }

    /// <summary>st.local</summary>
    public static void StoreLocal<T>(Op* op, Warp warp) where T : unmanaged
    {
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            T* at = (T*)Reach(op, warp, lane);
            for (int i = 0; i < op->Count; i++)
                at[i] = ((T*)(warp.Registers + op->List[i]))[lane];
        }
    }

    static byte* Reach(Op* op, Warp warp, int lane)
    {
        SharedLayout layout = warp.Block.Launch.Program.Layout;
        ulong address = (op->Wide ? ((ulong*)(warp.Registers + op->A))[lane]
            : ((uint*)(warp.Registers + op->A))[lane]) + (ulong)op->Imm;
        ulong symbol = (address >> SharedLayout.OffsetBits) - 1;
        int offset = (int)address & (1 << SharedLayout.OffsetBits) - 1;
        if (symbol >= (ulong)layout.Local.Length || offset > layout.Local[(int)symbol].Bytes - op->Size)
            warp.Block.Fault(warp, op->Index, lane, FaultKind.OutOfBounds,
                $"{op->Size} bytes at a local address outside of every symbol");
        if (op->Size > layout.Local[(int)symbol].Alignment || (offset & op->Size - 1) != 0)
            warp.Block.Fault(warp, op->Index, lane, FaultKind.Misaligned,
                $"{op->Size} bytes at offset {offset} of {layout.Local[(int)symbol].Name}");
        return warp.Local + lane * layout.LocalBytes + layout.LocalStart[(int)symbol] + offset;
    }
}
