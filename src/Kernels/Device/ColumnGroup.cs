using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// Sums over the rows of a matrix, for each column: a group takes <see cref="Columns"/> neighbouring columns,
/// and 32 threads share a column; each adds every 32nd row in order, then a tree adds the threads.
/// </summary>
/// <remarks>
/// One thread per column is simpler and ran 6 groups for 768 columns: most of a GPU had nothing to do
/// (docs/log.md). The order of a sum depends on the number of rows alone.
/// </remarks>
public static class ColumnGroup
{
    /// <summary>Columns of a group: 32 bytes, the least that a GPU reads from memory.</summary>
    public const int Columns = 8;

    /// <summary>Threads per group; its shared memory has a float for each.</summary>
    public const int BlockSize = 256;

    internal const int RowStep = BlockSize / Columns;

    /// <summary>Groups for a matrix of <paramref name="columns"/> columns.</summary>
    public static int Groups(int columns) => (columns - 1) / Columns + 1;

    /// <summary>This thread's column, which may lie behind the last.</summary>
    internal static int Column => Grid.IdxX * Columns + (Group.IdxX & (Columns - 1));

    /// <summary>This thread's first row.</summary>
    internal static int FirstRow => Group.IdxX / Columns;

    /// <summary>
    /// Sums over the threads of a column and returns the total to the one whose <see cref="FirstRow"/> is 0.
    /// Every thread must call it: it holds barriers.
    /// </summary>
    internal static float Sum(float value, ArrayView<float> scratch)
        => GroupReduce.SumOfEvery(Columns, value, scratch);

    /// <summary>True for the thread that gets the total of a column that exists.</summary>
    internal static bool HasTotal(int column, int columns) => Group.IdxX < Columns && column < columns;
}
