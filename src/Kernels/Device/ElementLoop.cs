using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// The loop of a kernel over elements: threads start at their number in the grid and step by its size, so a
/// tensor may hold more elements than a grid has threads, or an int can count.
/// </summary>
public static class ElementLoop
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = 128;

    /// <summary>This thread's first element.</summary>
    internal static long First => (long)Grid.IdxX * Group.DimX + Group.IdxX;

    /// <summary>Threads in the grid.</summary>
    internal static long Step => (long)Grid.DimX * Group.DimX;
}
