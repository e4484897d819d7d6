using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The cells of a plan in chunks, one for each task of a job array.</summary>
/// <param name="Cells">Number of cells.</param>
/// <param name="Size">Cells of a chunk; the last one may have fewer.</param>
readonly record struct CellChunks(int Cells, int Size)
{
    /// <summary>Number of chunks.</summary>
    internal int Count => (int)(((long)Cells + Size - 1) / Size);

    /// <summary>What the chunks are, for messages.</summary>
    internal string Words => Size == 1 ? Counted.Of(Cells, "cell")
        : $"{Counted.Of(Cells, "cell")} in chunks of {Size}";

    /// <summary>Makes chunks of a given size.</summary>
    /// <param name="cells">Number of cells.</param>
    /// <param name="size">Cells of a chunk; null for 1.</param>
    /// <param name="option">Option that holds the size, for the message.</param>
    /// <exception cref="UserException">The size is less than 1.</exception>
    internal static CellChunks Of(int cells, int? size, string option) => size is < 1
        ? throw new UserException($"{Field.Of(option)} is {size}; expected 1 or more cells")
        : new(cells, size ?? 1);

    /// <summary>Numbers of the cells of chunks.</summary>
    /// <param name="chunks">Numbers of the chunks, from 0.</param>
    internal IEnumerable<int> CellsOf(IEnumerable<int> chunks)
    {
        (int cells, int size) = this;
        return chunks.SelectMany(c => Enumerable.Range(c * size, Math.Min(size, cells - c * size)));
    }

    /// <summary>Numbers of the chunks that have one of the cells.</summary>
    /// <param name="cells">Numbers of cells, ascending.</param>
    internal int[] ChunksOf(IEnumerable<int> cells)
    {
        int size = Size;
        return [.. cells.Select(c => c / size).Distinct()];
    }
}
