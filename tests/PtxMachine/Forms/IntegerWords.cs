using System.Runtime.Intrinsics;
using Word = System.Runtime.Intrinsics.Vector512<uint>;

namespace HeadTap.PtxMachine;

/// <summary>add.s32, add.u32</summary>
readonly struct AddWord : IWord2 { public static Word Do(Word a, Word b) => a + b; }

/// <summary>sub.s32, sub.u32</summary>
readonly struct SubtractWord : IWord2 { public static Word Do(Word a, Word b) => a - b; }

/// <summary>mul.lo: the low half, of either sign.</summary>
readonly struct MultiplyWord : IWord2 { public static Word Do(Word a, Word b) => a * b; }

/// <summary>mad.lo: the low half of the product, plus c.</summary>
readonly struct MultiplyAddWord : IWord3 { public static Word Do(Word a, Word b, Word c) => a * b + c; }

/// <summary>and.b32</summary>
readonly struct AndWord : IWord2 { public static Word Do(Word a, Word b) => a & b; }

/// <summary>or.b32</summary>
readonly struct OrWord : IWord2 { public static Word Do(Word a, Word b) => a | b; }

/// <summary>xor.b32</summary>
readonly struct XorWord : IWord2 { public static Word Do(Word a, Word b) => a ^ b; }

/// <summary>not.b32</summary>
readonly struct NotWord : IWord1 { public static Word Do(Word a) => ~a; }

/// <summary>neg.s32; the least number stays as it is.</summary>
readonly struct NegateWord : IWord1 { public static Word Do(Word a) => Word.Zero - a; }

/// <summary>abs.s32; the least number stays as it is.</summary>
readonly struct AbsoluteWord : IWord1
{
    public static Word Do(Word a) => Vector512.Abs(a.AsInt32()).AsUInt32();
}

/// <summary>min.s32</summary>
readonly struct MinSigned : IWord2
{
    public static Word Do(Word a, Word b) => Vector512.Min(a.AsInt32(), b.AsInt32()).AsUInt32();
}

/// <summary>max.s32</summary>
readonly struct MaxSigned : IWord2
{
    public static Word Do(Word a, Word b) => Vector512.Max(a.AsInt32(), b.AsInt32()).AsUInt32();
}

/// <summary>min.u32</summary>
readonly struct MinUnsigned : IWord2 { public static Word Do(Word a, Word b) => Vector512.Min(a, b); }

/// <summary>max.u32</summary>
readonly struct MaxUnsigned : IWord2 { public static Word Do(Word a, Word b) => Vector512.Max(a, b); }

/// <summary>mul.hi.s32: the upper half of the product.</summary>
readonly struct MultiplyHighSigned : ILaneWord2
{
    public static uint Do(uint a, uint b) => (uint)((long)(int)a * (int)b >> 32);
}

/// <summary>mul.hi.u32: the upper half of the product.</summary>
readonly struct MultiplyHighUnsigned : ILaneWord2
{
    public static uint Do(uint a, uint b) => (uint)((ulong)a * b >> 32);
}

/// <summary>div.s32: toward zero; a division by zero, which PTX leaves open, is all ones.</summary>
readonly struct DivideSigned : ILaneWord2
{
    public static uint Do(uint a, uint b) =>
        b == 0 ? ~0u : b == ~0u ? 0 - a : (uint)((int)a / (int)b);
}

/// <summary>div.u32; a division by zero, which PTX leaves open, is all ones.</summary>
readonly struct DivideUnsigned : ILaneWord2
{
    public static uint Do(uint a, uint b) => b == 0 ? ~0u : a / b;
}

/// <summary>rem.s32: of the sign of a; by zero, which PTX leaves open, it is a.</summary>
readonly struct RemainderSigned : ILaneWord2
{
    public static uint Do(uint a, uint b) => b == 0 ? a : b == ~0u ? 0 : (uint)((int)a % (int)b);
}

/// <summary>rem.u32; by zero, which PTX leaves open, it is a.</summary>
readonly struct RemainderUnsigned : ILaneWord2
{
    public static uint Do(uint a, uint b) => b == 0 ? a : a % b;
}

/// <summary>shl.b32: counts past the width give zero.</summary>
readonly struct ShiftLeftWord : ILaneWord2
{
    public static uint Do(uint a, uint b) => b > 31 ? 0 : a << (int)b;
}

/// <summary>shr.u32, shr.b32: counts past the width give zero.</summary>
readonly struct ShiftRightWord : ILaneWord2
{
    public static uint Do(uint a, uint b) => b > 31 ? 0 : a >> (int)b;
}

/// <summary>shr.s32: counts past the width give the sign.</summary>
readonly struct ShiftSignedWord : ILaneWord2
{
    public static uint Do(uint a, uint b) => (uint)((int)a >> (int)Math.Min(b, 31));
}
