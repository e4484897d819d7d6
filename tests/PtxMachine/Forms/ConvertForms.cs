using System.Runtime.Intrinsics;
using Word = System.Runtime.Intrinsics.Vector512<uint>;

namespace HeadTap.PtxMachine;

/// <summary>cvt between widths, and between integers and floats.</summary>
static unsafe class ConvertForms
{
    /// <summary>32 to 64 bits with the sign.</summary>
    public static void Extend(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, LongForms.WidenedSigned(warp, op->A, q).AsUInt64());
    }

    /// <summary>32 to 64 bits with zeros.</summary>
    public static void ExtendZero(Op* op, Warp warp)
    {
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, LongForms.Widened(warp, op->A, q));
    }

    /// <summary>64 to 32 bits: the low ones.</summary>
    public static void Truncate(Op* op, Warp warp) => warp.Store(op->D,
        Vector512.Narrow(LongForms.Quarter(warp, op->A, 0), LongForms.Quarter(warp, op->A, 1)),
        Vector512.Narrow(LongForms.Quarter(warp, op->A, 2), LongForms.Quarter(warp, op->A, 3)));

    /// <summary>64-bit integers with sign to the nearest float.</summary>
    public static void FloatFromLong(Op* op, Warp warp)
    {
        long* a = (long*)(warp.Registers + op->A);
        float* d = stackalloc float[Warp.Lanes];
        for (int lane = 0; lane < Warp.Lanes; lane++)
            d[lane] = a[lane];
        warp.Store(op->D, Vector512.Load((uint*)d), Vector512.Load((uint*)d + 16));
    }

    /// <summary>64-bit integers without sign to the nearest float.</summary>
    public static void FloatFromUnsignedLong(Op* op, Warp warp)
    {
        ulong* a = (ulong*)(warp.Registers + op->A);
        float* d = stackalloc float[Warp.Lanes];
        for (int lane = 0; lane < Warp.Lanes; lane++)
            d[lane] = a[lane];
        warp.Store(op->D, Vector512.Load((uint*)d), Vector512.Load((uint*)d + 16));
    }

    /// <summary>Floats to 64-bit integers.</summary>
    public static void LongFromFloat<T>(Op* op, Warp warp) where T : IFloatToLong
    {
        float* a = (float*)(warp.Registers + op->A);
        ulong* d = stackalloc ulong[Warp.Lanes];
        for (int lane = 0; lane < Warp.Lanes; lane++)
            d[lane] = T.Do(a[lane]);
        for (int q = 0; q < 4; q++)
            warp.Store(op->D, q, Vector512.Load(d + 8 * q));
    }
}

/// <summary>A float to 64 bits.</summary>
interface IFloatToLong
{
    /// <summary>The result of the lane.</summary>
    static abstract ulong Do(float a);
}

/// <summary>How a number becomes an integer.</summary>
interface IFloatRound
{
    /// <summary>The number, rounded to an integer.</summary>
    static abstract double Do(double a);
}

/// <summary>rni: to the nearest, ties to even.</summary>
readonly struct ToNearest : IFloatRound { public static double Do(double a) => Math.Round(a); }

/// <summary>rzi: toward zero.</summary>
readonly struct ToZero : IFloatRound { public static double Do(double a) => Math.Truncate(a); }

/// <summary>rmi: down.</summary>
readonly struct ToMinus : IFloatRound { public static double Do(double a) => Math.Floor(a); }

/// <summary>rpi: up.</summary>
readonly struct ToPlus : IFloatRound { public static double Do(double a) => Math.Ceiling(a); }

/// <summary>To s32: into its range; NaN is 0.</summary>
readonly struct ToSigned<T> : ILaneWord1 where T : IFloatRound
{
    public static uint Do(uint a)
    {
        double x = BitConverter.UInt32BitsToSingle(a);
        return double.IsNaN(x) ? 0 : (uint)(int)Math.Clamp(T.Do(x), int.MinValue, int.MaxValue);
    }
}

/// <summary>To u32: into its range; NaN is 0.</summary>
readonly struct ToUnsigned<T> : ILaneWord1 where T : IFloatRound
{
    public static uint Do(uint a)
    {
        double x = BitConverter.UInt32BitsToSingle(a);
        return double.IsNaN(x) ? 0 : (uint)Math.Clamp(T.Do(x), 0, uint.MaxValue);
    }
}

/// <summary>To s64: into its range; NaN is the least number, as PTX has it for 64 bits.</summary>
readonly struct ToSignedLong<T> : IFloatToLong where T : IFloatRound
{
    public static ulong Do(float a) => float.IsNaN(a) ? 1ul << 63
        : a >= 9223372036854775808f ? long.MaxValue
        : a <= -9223372036854775808f ? 1ul << 63 : (ulong)(long)T.Do(a);
}

/// <summary>To u64: into its range; NaN is the upper bit alone.</summary>
readonly struct ToUnsignedLong<T> : IFloatToLong where T : IFloatRound
{
    public static ulong Do(float a) => float.IsNaN(a) ? 1ul << 63
        : a >= 18446744073709551616f ? ulong.MaxValue : a <= 0 ? 0 : (ulong)T.Do(a);
}

/// <summary>To an integer that stays a float.</summary>
readonly struct ToIntegral<T> : ILaneWord1 where T : IFloatRound
{
    public static uint Do(uint a)
    {
        float x = BitConverter.UInt32BitsToSingle(a);
        return float.IsNaN(x) ? FloatBits.NaN : BitConverter.SingleToUInt32Bits((float)T.Do(x));
    }
}

/// <summary>cvt.rn.f32.s32</summary>
readonly struct FromSigned : IWord1
{
    public static Word Do(Word a) => Vector512.ConvertToSingle(a.AsInt32()).AsUInt32();
}

/// <summary>cvt.rn.f32.u32</summary>
readonly struct FromUnsigned : ILaneWord1
{
    public static uint Do(uint a) => BitConverter.SingleToUInt32Bits((float)(double)a);
}

/// <summary>cvt.rna.tf32.f32: 10 bits of fraction, ties away from zero.</summary>
readonly struct ToTf32 : IWord1
{
    public static Word Do(Word a)
    {
        Word exponent = Vector512.Create(0x7f800000u);
        Word rounded = (a + Vector512.Create(0x1000u)) & Vector512.Create(0xffffe000u);
        Word special = Vector512.Equals(a & exponent, exponent);
        return Vector512.ConditionalSelect(special, FloatBits.Result(a.AsSingle()), rounded);
    }
}

/// <summary>cvt.rn.bf16x2.f32: a into the upper half, b into the lower; ties to even.</summary>
readonly struct ToBf16Pair : IWord2
{
    public static Word Do(Word a, Word b) => Round(a) & Vector512.Create(0xffff0000u) | Round(b) >>> 16;

    static Word Round(Word a)
    {
        Word even = a >>> 16 & Word.One;
        Word rounded = a + Vector512.Create(0x7fffu) + even;
        Word number = Vector512.Equals(a.AsSingle(), a.AsSingle()).AsUInt32();
        return Vector512.ConditionalSelect(number, rounded, Vector512.Create(0x7fff0000u));
    }
}

/// <summary>cvt.rn.f16x2.f32: a into the upper half, b into the lower; ties to even.</summary>
readonly struct ToF16Pair : ILaneWord2
{
    public static uint Do(uint a, uint b) => Round(a) << 16 | Round(b);

    static uint Round(uint a)
    {
        float x = BitConverter.UInt32BitsToSingle(a);
        return float.IsNaN(x) ? 0x7fffu : BitConverter.HalfToUInt16Bits((Half)x);
    }
}
