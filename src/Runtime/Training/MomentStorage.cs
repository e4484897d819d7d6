namespace HeadTap.Runtime;

/// <summary>How AdamW's moments of a matrix are kept.</summary>
public enum MomentStorage
{
    /// <summary>Both in float32, 8 bytes a parameter.</summary>
    Float32,

    /// <summary>
    /// Both in 8 bits with units for each block of 256, 2.03 bytes a parameter.
    /// </summary>
    EightBit,

    /// <summary>
    /// The first in float32, the second as a row and a column of numbers, 4 bytes a parameter and a little:
    /// .
    /// </summary>
    Factored,
}

