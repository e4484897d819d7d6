using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Word = System.Runtime.Intrinsics.Vector512<uint>;

namespace HeadTap.PtxMachine;

/// <summary>One source of 32 bits, on 16 lanes.</summary>
interface IWord1
{
    /// <summary>The result of each lane.</summary>
    static abstract Word Do(Word a);
}

/// <summary>Two sources of 32 bits, on 16 lanes.</summary>
interface IWord2
{
    /// <summary>The result of each lane.</summary>
    static abstract Word Do(Word a, Word b);
}

/// <summary>Three sources of 32 bits, on 16 lanes.</summary>
interface IWord3
{
    /// <summary>The result of each lane.</summary>
    static abstract Word Do(Word a, Word b, Word c);
}

/// <summary>One source of 32 bits, a lane at a time: what has no vectors.</summary>
interface ILaneWord1
{
    /// <summary>The result of the lane.</summary>
    static abstract uint Do(uint a);
}

/// <summary>Two sources of 32 bits, a lane at a time: what has no vectors.</summary>
interface ILaneWord2
{
    /// <summary>The result of the lane.</summary>
    static abstract uint Do(uint a, uint b);
}

/// <summary>Runs forms whose operands all have 32 bits.</summary>
static unsafe class WordForms
{
    /// <summary>16 lanes of an operand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word Low(Warp warp, int offset) => Vector512.LoadAligned((uint*)(warp.Registers + offset));

    /// <summary>The other 16 lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word High(Warp warp, int offset) =>
        Vector512.LoadAligned((uint*)(warp.Registers + offset) + 16);

    /// <summary>D = A.</summary>
    public static void Move(Op* op, Warp warp) =>
        warp.Store(op->D, Low(warp, op->A), High(warp, op->A));

    /// <summary>One source.</summary>
    public static void Run1<T>(Op* op, Warp warp) where T : IWord1 =>
        warp.Store(op->D, T.Do(Low(warp, op->A)), T.Do(High(warp, op->A)));

    /// <summary>Two sources.</summary>
    public static void Run2<T>(Op* op, Warp warp) where T : IWord2 =>
        warp.Store(op->D, T.Do(Low(warp, op->A), Low(warp, op->B)),
            T.Do(High(warp, op->A), High(warp, op->B)));

    /// <summary>Three sources.</summary>
    public static void Run3<T>(Op* op, Warp warp) where T : IWord3 =>
        warp.Store(op->D, T.Do(Low(warp, op->A), Low(warp, op->B), Low(warp, op->C)),
            T.Do(High(warp, op->A), High(warp, op->B), High(warp, op->C)));

    /// <summary>One source, a lane at a time.</summary>
    public static void RunLane<T>(Op* op, Warp warp) where T : ILaneWord1
    {
        uint* a = (uint*)(warp.Registers + op->A);
        uint* d = stackalloc uint[Warp.Lanes];
        for (int lane = 0; lane < Warp.Lanes; lane++)
            d[lane] = T.Do(a[lane]);
        warp.Store(op->D, Vector512.Load(d), Vector512.Load(d + 16));
    }

    /// <summary>Two sources, a lane at a time.</summary>
    public static void RunLanes<T>(Op* op, Warp warp) where T : ILaneWord2
    {
        uint* a = (uint*)(warp.Registers + op->A), b = (uint*)(warp.Registers + op->B);
        uint* d = stackalloc uint[Warp.Lanes];
        for (int lane = 0; lane < Warp.Lanes; lane++)
            d[lane] = T.Do(a[lane], b[lane]);
        warp.Store(op->D, Vector512.Load(d), Vector512.Load(d + 16));
    }

    /// <summary>A where the predicate C holds, else B.</summary>
    public static void Select(Op* op, Warp warp)
    {
        uint bits = *(uint*)(warp.Registers + op->C);
        warp.Store(op->D,
            Vector512.ConditionalSelect(LaneBits.Low(bits), Low(warp, op->A), Low(warp, op->B)),
            Vector512.ConditionalSelect(LaneBits.High(bits), High(warp, op->A), High(warp, op->B)));
    }

    /// <summary>A shifted left by a fixed count below 32.</summary>
    public static void ShiftLeftBy(Op* op, Warp warp) =>
        warp.Store(op->D, Low(warp, op->A) << (int)op->Imm, High(warp, op->A) << (int)op->Imm);

    /// <summary>A shifted right by a fixed count below 32, zeros behind.</summary>
    public static void ShiftRightBy(Op* op, Warp warp) =>
        warp.Store(op->D, Low(warp, op->A) >>> (int)op->Imm, High(warp, op->A) >>> (int)op->Imm);

    /// <summary>A shifted right by a fixed count below 32, the sign behind.</summary>
    public static void ShiftSignedBy(Op* op, Warp warp) =>
        warp.Store(op->D, (Low(warp, op->A).AsInt32() >> (int)op->Imm).AsUInt32(),
            (High(warp, op->A).AsInt32() >> (int)op->Imm).AsUInt32());
}

/// <summary>Masks of lanes as vectors.</summary>
static class LaneBits
{
    static Word Bits => Vector512.Create(
        1u, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768);

    /// <summary>All ones where the bit of one of the lanes 0 to 15 is set.</summary>
    public static Word Low(uint mask) => Vector512.Equals(Bits & Vector512.Create(mask), Bits);

    /// <summary>The same of the lanes 16 to 31.</summary>
    public static Word High(uint mask) => Low(mask >> 16);
}
