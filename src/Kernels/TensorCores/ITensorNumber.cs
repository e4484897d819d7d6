namespace HeadTap.Kernels;

/// <summary>What tensor cores multiply.</summary>
interface ITensorNumber
{
    /// <summary>c + a b in this precision.</summary>
    static abstract SumFragment Multiply<TCores>(LeftFragment a, RightFragment b, SumFragment c)
        where TCores : struct, ITensorCores;
}

/// <summary>TF32: float32 with 10 bits after the point.</summary>
readonly struct Tf32Number : ITensorNumber
{
    public static SumFragment Multiply<TCores>(LeftFragment a, RightFragment b, SumFragment c)
        where TCores : struct, ITensorCores => TCores.MultiplyTf32(a, b, c);
}

/// <summary>BF16: float32 with 7 bits after the point.</summary>
readonly struct Bf16Number : ITensorNumber
{
    public static SumFragment Multiply<TCores>(LeftFragment a, RightFragment b, SumFragment c)
        where TCores : struct, ITensorCores => TCores.MultiplyBf16(a, b, c);
}
