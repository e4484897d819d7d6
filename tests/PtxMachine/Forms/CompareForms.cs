using System.Runtime.Intrinsics;
using Long = System.Runtime.Intrinsics.Vector512<ulong>;
using Word = System.Runtime.Intrinsics.Vector512<uint>;

namespace HeadTap.PtxMachine;

/// <summary>A comparison of two words: all ones where it holds.</summary>
interface ICompareWord
{
    /// <summary>The mask of 16 lanes.</summary>
    static abstract Word Do(Word a, Word b);
}

/// <summary>A comparison of two 64-bit numbers: all ones where it holds.</summary>
interface ICompareLong
{
    /// <summary>The mask of 8 lanes.</summary>
    static abstract Long Do(Long a, Long b);
}

/// <summary>setp, testp, and the logic of predicates.</summary>
static unsafe class CompareForms
{
    /// <summary>A comparison of words into a predicate.</summary>
    public static void Words<T>(Op* op, Warp warp) where T : ICompareWord
    {
        ulong low = T.Do(WordForms.Low(warp, op->A), WordForms.Low(warp, op->B)).ExtractMostSignificantBits();
        ulong high =
            T.Do(WordForms.High(warp, op->A), WordForms.High(warp, op->B)).ExtractMostSignificantBits();
        warp.Store(op->D, (uint)(low | high << 16));
    }

    /// <summary>The opposite of a comparison of words.</summary>
    public static void WordsNot<T>(Op* op, Warp warp) where T : ICompareWord
    {
        ulong low = T.Do(WordForms.Low(warp, op->A), WordForms.Low(warp, op->B)).ExtractMostSignificantBits();
        ulong high =
            T.Do(WordForms.High(warp, op->A), WordForms.High(warp, op->B)).ExtractMostSignificantBits();
        warp.Store(op->D, ~(uint)(low | high << 16));
    }

    /// <summary>A comparison of 64-bit numbers into a predicate.</summary>
    public static void Longs<T>(Op* op, Warp warp) where T : ICompareLong =>
        warp.Store(op->D, Bits<T>(op, warp));

    /// <summary>The opposite of a comparison of 64-bit numbers.</summary>
    public static void LongsNot<T>(Op* op, Warp warp) where T : ICompareLong =>
        warp.Store(op->D, ~Bits<T>(op, warp));

    /// <summary>testp.notanumber</summary>
    public static void NotANumber(Op* op, Warp warp)
    {
        Vector512<float> low = WordForms.Low(warp, op->A).AsSingle(),
            high = WordForms.High(warp, op->A).AsSingle();
        ulong numbers = Vector512.Equals(low, low).ExtractMostSignificantBits()
            | Vector512.Equals(high, high).ExtractMostSignificantBits() << 16;
        warp.Store(op->D, ~(uint)numbers);
    }

    /// <summary>mov.pred</summary>
    public static void Move(Op* op, Warp warp) => warp.Store(op->D, Bits(warp, op->A));

    /// <summary>not.pred</summary>
    public static void Not(Op* op, Warp warp) => warp.Store(op->D, ~Bits(warp, op->A));

    /// <summary>and.pred</summary>
    public static void And(Op* op, Warp warp) => warp.Store(op->D, Bits(warp, op->A) & Bits(warp, op->B));

    /// <summary>or.pred</summary>
    public static void Or(Op* op, Warp warp) => warp.Store(op->D, Bits(warp, op->A) | Bits(warp, op->B));

    /// <summary>xor.pred</summary>
    public static void Xor(Op* op, Warp warp) => warp.Store(op->D, Bits(warp, op->A) ^ Bits(warp, op->B));

    /// <summary>A predicate of all lanes.</summary>
    public static uint Bits(Warp warp, int offset) => *(uint*)(warp.Registers + offset);

    static uint Bits<T>(Op* op, Warp warp) where T : ICompareLong
    {
        ulong bits = 0;
        for (int q = 0; q < 4; q++)
            bits |= T.Do(LongForms.Quarter(warp, op->A, q), LongForms.Quarter(warp, op->B, q))
                .ExtractMostSignificantBits() << 8 * q;
        return (uint)bits;
    }
}

/// <summary>eq of bits.</summary>
readonly struct EqualWord : ICompareWord { public static Word Do(Word a, Word b) => Vector512.Equals(a, b); }

/// <summary>lt, with sign.</summary>
readonly struct LessSigned : ICompareWord
{
    public static Word Do(Word a, Word b) => Vector512.LessThan(a.AsInt32(), b.AsInt32()).AsUInt32();
}

/// <summary>le, with sign.</summary>
readonly struct LessEqualSigned : ICompareWord
{
    public static Word Do(Word a, Word b) => Vector512.LessThanOrEqual(a.AsInt32(), b.AsInt32()).AsUInt32();
}

/// <summary>lt, without sign.</summary>
readonly struct LessUnsigned : ICompareWord
{
    public static Word Do(Word a, Word b) => Vector512.LessThan(a, b);
}

/// <summary>le, without sign.</summary>
readonly struct LessEqualUnsigned : ICompareWord
{
    public static Word Do(Word a, Word b) => Vector512.LessThanOrEqual(a, b);
}

/// <summary>eq of floats: false with NaN.</summary>
readonly struct EqualFloat : ICompareWord
{
    public static Word Do(Word a, Word b) => Vector512.Equals(a.AsSingle(), b.AsSingle()).AsUInt32();
}

/// <summary>lt of floats: false with NaN.</summary>
readonly struct LessFloat : ICompareWord
{
    public static Word Do(Word a, Word b) => Vector512.LessThan(a.AsSingle(), b.AsSingle()).AsUInt32();
}

/// <summary>le of floats: false with NaN.</summary>
readonly struct LessEqualFloat : ICompareWord
{
    public static Word Do(Word a, Word b) => Vector512.LessThanOrEqual(a.AsSingle(), b.AsSingle()).AsUInt32();
}

/// <summary>gt of floats: false with NaN.</summary>
readonly struct GreaterFloat : ICompareWord
{
    public static Word Do(Word a, Word b) => Vector512.GreaterThan(a.AsSingle(), b.AsSingle()).AsUInt32();
}

/// <summary>ge of floats: false with NaN.</summary>
readonly struct GreaterEqualFloat : ICompareWord
{
    public static Word Do(Word a, Word b) =>
        Vector512.GreaterThanOrEqual(a.AsSingle(), b.AsSingle()).AsUInt32();
}

/// <summary>num: neither is NaN.</summary>
readonly struct Ordered : ICompareWord
{
    public static Word Do(Word a, Word b) => Vector512.Equals(a.AsSingle(), a.AsSingle()).AsUInt32()
        & Vector512.Equals(b.AsSingle(), b.AsSingle()).AsUInt32();
}

/// <summary>ne of floats: false with NaN, as PTX has it.</summary>
readonly struct UnequalFloat : ICompareWord
{
    public static Word Do(Word a, Word b) => Ordered.Do(a, b) & ~EqualFloat.Do(a, b);
}

/// <summary>eq of 64 bits.</summary>
readonly struct EqualLong : ICompareLong { public static Long Do(Long a, Long b) => Vector512.Equals(a, b); }

/// <summary>lt of 64 bits, with sign.</summary>
readonly struct LessSignedLong : ICompareLong
{
    public static Long Do(Long a, Long b) => Vector512.LessThan(a.AsInt64(), b.AsInt64()).AsUInt64();
}

/// <summary>le of 64 bits, with sign.</summary>
readonly struct LessEqualSignedLong : ICompareLong
{
    public static Long Do(Long a, Long b) => Vector512.LessThanOrEqual(a.AsInt64(), b.AsInt64()).AsUInt64();
}

/// <summary>lt of 64 bits, without sign.</summary>
readonly struct LessUnsignedLong : ICompareLong
{
    public static Long Do(Long a, Long b) => Vector512.LessThan(a, b);
}

/// <summary>le of 64 bits, without sign.</summary>
readonly struct LessEqualUnsignedLong : ICompareLong
{
    public static Long Do(Long a, Long b) => Vector512.LessThanOrEqual(a, b);
}
