using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Word = System.Runtime.Intrinsics.Vector512<uint>;

namespace HeadTap.PtxMachine;

/// <summary>What float32 results have in common.</summary>
static class FloatBits
{
    /// <summary>The one NaN that arithmetic answers.</summary>
    public const uint NaN = 0x7fffffff;

    /// <summary>A result's bits, with every NaN the same.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word Result(Vector512<float> value) => Vector512.ConditionalSelect(
        Vector512.Equals(value, value).AsUInt32(), value.AsUInt32(), Vector512.Create(NaN));

    /// <summary>Subnormal numbers become a zero of their sign.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Word Flush(Word bits) => Vector512.ConditionalSelect(
        Vector512.Equals(bits & Vector512.Create(0x7f800000u), Word.Zero),
        bits & Vector512.Create(0x80000000u), bits);
}

/// <summary>.ftz of a form with one source.</summary>
readonly struct Flush1<T> : IWord1 where T : IWord1
{
    public static Word Do(Word a) => FloatBits.Flush(T.Do(FloatBits.Flush(a)));
}

/// <summary>.ftz of a form with two sources.</summary>
readonly struct Flush2<T> : IWord2 where T : IWord2
{
    public static Word Do(Word a, Word b) =>
        FloatBits.Flush(T.Do(FloatBits.Flush(a), FloatBits.Flush(b)));
}

/// <summary>.ftz of a form with three sources.</summary>
readonly struct Flush3<T> : IWord3 where T : IWord3
{
    public static Word Do(Word a, Word b, Word c) =>
        FloatBits.Flush(T.Do(FloatBits.Flush(a), FloatBits.Flush(b), FloatBits.Flush(c)));
}

/// <summary>.sat of a form with two sources: into 0 to 1, NaN to 0.</summary>
readonly struct Saturate2<T> : IWord2 where T : IWord2
{
    public static Word Do(Word a, Word b) => Vector512.MinNumber(Vector512<float>.One,
        Vector512.MaxNumber(T.Do(a, b).AsSingle(), Vector512<float>.Zero)).AsUInt32();
}

/// <summary>add.f32, add.rn.f32</summary>
readonly struct AddFloat : IWord2
{
    public static Word Do(Word a, Word b) => FloatBits.Result(a.AsSingle() + b.AsSingle());
}

/// <summary>sub.f32, sub.rn.f32</summary>
readonly struct SubtractFloat : IWord2
{
    public static Word Do(Word a, Word b) => FloatBits.Result(a.AsSingle() - b.AsSingle());
}

/// <summary>mul.f32, mul.rn.f32</summary>
readonly struct MultiplyFloat : IWord2
{
    public static Word Do(Word a, Word b) => FloatBits.Result(a.AsSingle() * b.AsSingle());
}

/// <summary>fma.rn.f32: rounded once.</summary>
readonly struct FusedFloat : IWord3
{
    public static Word Do(Word a, Word b, Word c) =>
        FloatBits.Result(Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), c.AsSingle()));
}

/// <summary>a b - c, rounded once.</summary>
readonly struct FusedMinus : IWord3
{
    public static Word Do(Word a, Word b, Word c) =>
        FloatBits.Result(Vector512.FusedMultiplyAdd(a.AsSingle(), b.AsSingle(), -c.AsSingle()));
}

/// <summary>c - a b, rounded once.</summary>
readonly struct MinusFused : IWord3
{
    public static Word Do(Word a, Word b, Word c) =>
        FloatBits.Result(Vector512.FusedMultiplyAdd(-a.AsSingle(), b.AsSingle(), c.AsSingle()));
}

/// <summary>div.rn.f32</summary>
readonly struct DivideFloat : IWord2
{
    public static Word Do(Word a, Word b) => FloatBits.Result(a.AsSingle() / b.AsSingle());
}

/// <summary>rcp.rn.f32</summary>
readonly struct ReciprocalFloat : IWord1
{
    public static Word Do(Word a) => FloatBits.Result(Vector512<float>.One / a.AsSingle());
}

/// <summary>sqrt.rn.f32</summary>
readonly struct RootFloat : IWord1
{
    public static Word Do(Word a) => FloatBits.Result(Vector512.Sqrt(a.AsSingle()));
}

/// <summary>min.f32: of a number and NaN the number; minus zero below plus zero.</summary>
readonly struct MinFloat : IWord2
{
    public static Word Do(Word a, Word b) =>
        FloatBits.Result(Vector512.MinNumber(a.AsSingle(), b.AsSingle()));
}

/// <summary>max.f32: of a number and NaN the number; minus zero below plus zero.</summary>
readonly struct MaxFloat : IWord2
{
    public static Word Do(Word a, Word b) =>
        FloatBits.Result(Vector512.MaxNumber(a.AsSingle(), b.AsSingle()));
}

/// <summary>neg.f32: the sign turns.</summary>
readonly struct NegateFloat : IWord1 { public static Word Do(Word a) => a ^ Vector512.Create(0x80000000u); }

/// <summary>abs.f32: the sign goes.</summary>
readonly struct AbsoluteFloat : IWord1 { public static Word Do(Word a) => a & Vector512.Create(0x7fffffffu); }
