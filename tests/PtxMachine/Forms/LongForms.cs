using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Long = System.Runtime.Intrinsics.Vector512<ulong>;

namespace HeadTap.PtxMachine;

/// <summary>One source of 64 bits, on 8 lanes.</summary>
interface ILong1
{
    /// <summary>The result of each lane.</summary>
    static abstract Long Do(Long a);
}

/// <summary>Two sources of 64 bits, on 8 lanes.</summary>
interface ILong2
{
    /// <summary>The result of each lane.</summary>
    static abstract Long Do(Long a, Long b);
}

/// <summary>Three sources of 64 bits, on 8 lanes.</summary>
interface ILong3
{
    /// <summary>The result of each lane.</summary>
    static abstract Long Do(Long a, Long b, Long c);
}

/// <summary>Two sources of 64 bits, a lane at a time: what has no vectors.</summary>
interface ILaneLong2
{
    /// <summary>The result of the lane.</summary>
    static abstract ulong Do(ulong a, ulong b);
}

/// <summary>A source of 64 bits and a count of 32, a lane at a time.</summary>
interface ILaneShift
{
    /// <summary>The result of the lane.</summary>
    static abstract ulong Do(ulong a, uint count);
}

/// <summary>Runs forms whose operands have 64 bits.</summary>
static unsafe class LongForms
{
    /// <summary>8 lanes of an operand; the quarters are 0 to 3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Long Quarter(Warp warp, int offset, int quarter) =>
        Vector512.LoadAligned((ulong*)(warp.Registers + offset) + 8 * quarter);

    /// <summary>D = A.</summary>
    public static void Move(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, Quarter(warp, op->A, q));
    }

    /// <summary>One source.</summary>
    public static void Run1<T>(Op* op, Warp warp) where T : ILong1
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, T.Do(Quarter(warp, op->A, q)));
    }

    /// <summary>Two sources.</summary>
    public static void Run2<T>(Op* op, Warp warp) where T : ILong2
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, T.Do(Quarter(warp, op->A, q), Quarter(warp, op->B, q)));
    }

    /// <summary>Three sources.</summary>
    public static void Run3<T>(Op* op, Warp warp) where T : ILong3
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q,
                T.Do(Quarter(warp, op->A, q), Quarter(warp, op->B, q), Quarter(warp, op->C, q)));
    }

    /// <summary>Two sources, a lane at a time.</summary>
    public static void RunLanes<T>(Op* op, Warp warp) where T : ILaneLong2
    {
        ulong* a = (ulong*)(warp.Registers + op->A), b = (ulong*)(warp.Registers + op->B);
        ulong* d = stackalloc ulong[Warp.Lanes];
        for (int lane = 0; lane < Warp.Lanes; lane++)
            d[lane] = T.Do(a[lane], b[lane]);
        StoreAll(op, warp, d);
    }

    /// <summary>A shift by a register, a lane at a time.</summary>
    public static void RunShift<T>(Op* op, Warp warp) where T : ILaneShift
    {
        ulong* a = (ulong*)(warp.Registers + op->A);
        uint* count = (uint*)(warp.Registers + op->B);
        ulong* d = stackalloc ulong[Warp.Lanes];
        for (int lane = 0; lane < Warp.Lanes; lane++)
            d[lane] = T.Do(a[lane], count[lane]);
        StoreAll(op, warp, d);
    }

    /// <summary>A where the predicate C holds, else B.</summary>
    public static void Select(Op* op, Warp warp)
    {
        uint bits = *(uint*)(warp.Registers + op->C);
        for (int q = 0; q < 4; q++)
        {
            Vector512<int> half = LaneBits.Low(bits >> (q & 2) * 8).AsInt32();
            Long mask = ((q & 1) == 0 ? Vector512.WidenLower(half) : Vector512.WidenUpper(half)).AsUInt64();
            warp.Store(op->D, q,
                Vector512.ConditionalSelect(mask, Quarter(warp, op->A, q), Quarter(warp, op->B, q)));
        }
    }

    /// <summary>A shifted left by a fixed count below 64.</summary>
    public static void ShiftLeftBy(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, Quarter(warp, op->A, q) << (int)op->Imm);
    }

    /// <summary>A shifted right by a fixed count below 64, zeros behind.</summary>
    public static void ShiftRightBy(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, Quarter(warp, op->A, q) >>> (int)op->Imm);
    }

    /// <summary>A shifted right by a fixed count below 64, the sign behind.</summary>
    public static void ShiftSignedBy(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, (Quarter(warp, op->A, q).AsInt64() >> (int)op->Imm).AsUInt64());
    }

    /// <summary>The whole product of two words, without sign.</summary>
    public static void MultiplyWideUnsigned(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, Widened(warp, op->A, q) * Widened(warp, op->B, q));
    }

    /// <summary>The whole product of two words, with sign.</summary>
    public static void MultiplyWideSigned(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, (WidenedSigned(warp, op->A, q) * WidenedSigned(warp, op->B, q)).AsUInt64());
    }

    /// <summary>The whole product of two words, without sign, plus C of 64 bits.</summary>
    public static void MultiplyAddWideUnsigned(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q,
                Widened(warp, op->A, q) * Widened(warp, op->B, q) + Quarter(warp, op->C, q));
    }

    /// <summary>The whole product of two words, with sign, plus C of 64 bits.</summary>
    public static void MultiplyAddWideSigned(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, (WidenedSigned(warp, op->A, q) * WidenedSigned(warp, op->B, q)).AsUInt64()
                + Quarter(warp, op->C, q));
    }

    /// <summary>8 lanes of a word, zeros above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Long Widened(Warp warp, int offset, int quarter)
    {
        Vector512<uint> half = quarter < 2 ? WordForms.Low(warp, offset) : WordForms.High(warp, offset);
        return (quarter & 1) == 0 ? Vector512.WidenLower(half) : Vector512.WidenUpper(half);
    }

    /// <summary>8 lanes of a word, the sign above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<long> WidenedSigned(Warp warp, int offset, int quarter)
    {
        Vector512<int> half =
            (quarter < 2 ? WordForms.Low(warp, offset) : WordForms.High(warp, offset)).AsInt32();
        return (quarter & 1) == 0 ? Vector512.WidenLower(half) : Vector512.WidenUpper(half);
    }

    static void StoreAll(Op* op, Warp warp, ulong* values)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, Vector512.Load(values + 8 * q));
    }
}
