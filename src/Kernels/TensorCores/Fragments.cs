// fields: kernels take these structures apart and put them together, register by register
#pragma warning disable CA1051

namespace HeadTap.Kernels;

/// <summary>
/// What one lane of a warp holds of a 16-row left operand: 16 x 8 TF32 numbers, or 16 x 16 BF16 numbers in
/// pairs, the lower term in the lower half. With g = lane / 4 and t = lane % 4, of TF32: R0 (g, t), R1 (g +
/// 8, t), R2 (g, t + 4), R3 (g + 8, t + 4); of BF16 the terms 2t, 2t + 1 and, in R2 and R3, 2t + 8, 2t + 9.
/// </summary>
public struct LeftFragment
{
    /// <summary>Row g, first half of the terms.</summary>
    public uint R0;

    /// <summary>Row g + 8, first half of the terms.</summary>
    public uint R1;

    /// <summary>Row g, second half of the terms.</summary>
    public uint R2;

    /// <summary>Row g + 8, second half of the terms.</summary>
    public uint R3;
}

/// <summary>
/// What one lane holds of an 8-column right operand: column g = lane / 4; R0 is term t = lane % 4 and R1 term
/// t + 4 (TF32), or terms 2t, 2t + 1 and 2t + 8, 2t + 9 (BF16).
/// </summary>
public struct RightFragment
{
    /// <summary>First half of the terms.</summary>
    public uint R0;

    /// <summary>Second half of the terms.</summary>
    public uint R1;
}

/// <summary>
/// What one lane holds of a 16 x 8 tile of float32 sums: rows g and g + 8, columns 2t and 2t + 1.
/// </summary>
public struct SumFragment
{
    /// <summary>Row g, column 2t.</summary>
    public float C0;

    /// <summary>Row g, column 2t + 1.</summary>
    public float C1;

    /// <summary>Row g + 8, column 2t.</summary>
    public float C2;

    /// <summary>Row g + 8, column 2t + 1.</summary>
    public float C3;
}
