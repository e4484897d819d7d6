using System.Runtime.Intrinsics;
using Long = System.Runtime.Intrinsics.Vector512<ulong>;

namespace HeadTap.PtxMachine;

/// <summary>add.s64, add.u64</summary>
readonly struct AddLong : ILong2 { public static Long Do(Long a, Long b) => a + b; }

/// <summary>sub.s64, sub.u64</summary>
readonly struct SubtractLong : ILong2 { public static Long Do(Long a, Long b) => a - b; }

/// <summary>mul.lo: the low half, of either sign.</summary>
readonly struct MultiplyLong : ILong2 { public static Long Do(Long a, Long b) => a * b; }

/// <summary>mad.lo: the low half of the product, plus c.</summary>
readonly struct MultiplyAddLong : ILong3 { public static Long Do(Long a, Long b, Long c) => a * b + c; }

/// <summary>and.b64</summary>
readonly struct AndLong : ILong2 { public static Long Do(Long a, Long b) => a & b; }

/// <summary>or.b64</summary>
readonly struct OrLong : ILong2 { public static Long Do(Long a, Long b) => a | b; }

/// <summary>xor.b64</summary>
readonly struct XorLong : ILong2 { public static Long Do(Long a, Long b) => a ^ b; }

/// <summary>not.b64</summary>
readonly struct NotLong : ILong1 { public static Long Do(Long a) => ~a; }

/// <summary>neg.s64; the least number stays as it is.</summary>
readonly struct NegateLong : ILong1 { public static Long Do(Long a) => Long.Zero - a; }

/// <summary>min.s64</summary>
readonly struct MinSignedLong : ILong2
{
    public static Long Do(Long a, Long b) => Vector512.Min(a.AsInt64(), b.AsInt64()).AsUInt64();
}

/// <summary>max.s64</summary>
readonly struct MaxSignedLong : ILong2
{
    public static Long Do(Long a, Long b) => Vector512.Max(a.AsInt64(), b.AsInt64()).AsUInt64();
}

/// <summary>min.u64</summary>
readonly struct MinUnsignedLong : ILong2 { public static Long Do(Long a, Long b) => Vector512.Min(a, b); }

/// <summary>max.u64</summary>
readonly struct MaxUnsignedLong : ILong2 { public static Long Do(Long a, Long b) => Vector512.Max(a, b); }

/// <summary>div.s64: toward zero; a division by zero, which PTX leaves open, is all ones.</summary>
readonly struct DivideSignedLong : ILaneLong2
{
    public static ulong Do(ulong a, ulong b) =>
        b == 0 ? ~0ul : b == ~0ul ? 0 - a : (ulong)((long)a / (long)b);
}

/// <summary>div.u64; a division by zero, which PTX leaves open, is all ones.</summary>
readonly struct DivideUnsignedLong : ILaneLong2
{
    public static ulong Do(ulong a, ulong b) => b == 0 ? ~0ul : a / b;
}

/// <summary>rem.s64: of the sign of a; by zero, which PTX leaves open, it is a.</summary>
readonly struct RemainderSignedLong : ILaneLong2
{
    public static ulong Do(ulong a, ulong b) => b == 0 ? a : b == ~0ul ? 0 : (ulong)((long)a % (long)b);
}

/// <summary>rem.u64; by zero, which PTX leaves open, it is a.</summary>
readonly struct RemainderUnsignedLong : ILaneLong2
{
    public static ulong Do(ulong a, ulong b) => b == 0 ? a : a % b;
}

/// <summary>shl.b64: counts past the width give zero.</summary>
readonly struct ShiftLeftLong : ILaneShift
{
    public static ulong Do(ulong a, uint count) => count > 63 ? 0 : a << (int)count;
}

/// <summary>shr.u64, shr.b64: counts past the width give zero.</summary>
readonly struct ShiftRightLong : ILaneShift
{
    public static ulong Do(ulong a, uint count) => count > 63 ? 0 : a >> (int)count;
}

/// <summary>shr.s64: counts past the width give the sign.</summary>
readonly struct ShiftSignedLong : ILaneShift
{
    public static ulong Do(ulong a, uint count) => (ulong)((long)a >> (int)Math.Min(count, 63));
}
