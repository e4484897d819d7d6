using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How AdamW's moments of a matrix are kept.</summary>
public enum MomentStorage
{
    /// <summary>Both in float32, 8 bytes a parameter: <see cref="Ops.AdamW"/>.</summary>
    Float32,

    /// <summary>
    /// Both in 8 bits with units for each block of 256, 2.03 bytes a parameter: <see cref="Ops.AdamW8Bit"/>.
    /// </summary>
    EightBit,

    /// <summary>
    /// The first in float32, the second as a row and a column of numbers, 4 bytes a parameter and a little:
    /// <see cref="Ops.AdamWFactored"/>.
    /// </summary>
    Factored,
}

/// <summary>What moments take.</summary>
static class MomentMemory
{
    /// <summary>Bytes of the moments of a matrix [rows, columns] that one call of the op updates.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The storage is none of the three, or an extent is
    /// negative.</exception>
    public static long Bytes(this MomentStorage storage, int rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        long n = (long)rows * columns, blocks = (n + Ops.MomentBlockLength - 1) / Ops.MomentBlockLength;
        return storage switch
        {
            MomentStorage.Float32 => 8 * n,
            MomentStorage.EightBit => 8 * ((n + 3) / 4) + 8 * blocks,
            MomentStorage.Factored => 4 * (n + rows + columns),
            _ => throw new ArgumentOutOfRangeException(nameof(storage), storage, "no such storage"),
        };
    }
}
