namespace HeadTap.Kernels;

/// <summary>
/// The precision of the numbers that tensor cores multiply, known when a kernel is compiled.
/// </summary>
public interface ITensorNumber
{
    /// <summary>Numbers in a word of 32 bits.</summary>
    static abstract int PerWord { get; }

    /// <summary>c + a b in this precision.</summary>
    static abstract SumFragment Multiply<TCores>(LeftFragment a, RightFragment b, SumFragment c)
        where TCores : struct, ITensorCores;
}

/// <summary>TF32: float32 with 10 bits after the point.</summary>
public readonly struct Tf32Number : ITensorNumber
{
    static int ITensorNumber.PerWord => 1;

    static SumFragment ITensorNumber.Multiply<TCores>(LeftFragment a, RightFragment b, SumFragment c)
        => TCores.MultiplyTf32(a, b, c);
}

/// <summary>BF16: float32 with 7 bits after the point.</summary>
public readonly struct Bf16Number : ITensorNumber
{
    static int ITensorNumber.PerWord => 2;

    static SumFragment ITensorNumber.Multiply<TCores>(LeftFragment a, RightFragment b, SumFragment c)
        => TCores.MultiplyBf16(a, b, c);
}
