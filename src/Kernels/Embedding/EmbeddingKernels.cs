// Rows of a table by number, and their gradient.
//
//     Gather      y[r, :]  =  table[ids[r], :]      (+= when accumulating)
//     ScatterAdd  dTable[ids[r], :] += dY[r, :]     r in order, so repeated ids sum to the same bits
//
//   ids [rows]     table, dTable [V, C]     y, dY [rows, C]
//   An id outside [0, V), -1 by convention, is no row: Gather writes zeros, ScatterAdd skips it.
//
// One group of BlockSize threads per row, each thread its columns.
//
// Host body: EmbeddingHost.cs.   Oracle: tests/Reference/EmbeddingReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Embedding: gather of table rows, deterministic scatter-add of their gradients.</summary>
public static class EmbeddingKernels
{
    /// <summary>Threads per group.</summary>
    public const int BlockSize = 128;

    /// <summary>Writes y, or adds into it when accumulate is not 0. Grid: rows.</summary>
    public static void Gather(
        ArrayView<int> ids, ArrayView<float> table, ArrayView<float> y, int V, int C, int accumulate)
    {
        int row = Grid.IdxX;
        int id = ids[row];
        bool real = id >= 0 && id < V;
        long from = (long)id * C;
        long to = (long)row * C;
        for (int c = Group.IdxX; c < C; c += BlockSize)
        {
            float value = real ? table[from + c] : 0f;
            y[to + c] = accumulate != 0 ? y[to + c] + value : value;
        }
    }

    /// <summary>Adds into dTable. Grid: rows.</summary>
    /// <remarks>
    /// The group of an id's first row owns that row of the table and walks the later rows; the groups of the
    /// others leave. So no two groups write the same place, and no atomic decides an order.
    /// </remarks>
    public static void ScatterAdd(
        ArrayView<int> ids, ArrayView<float> dY, ArrayView<float> dTable, int V, int C)
    {
        int first = Grid.IdxX;
        int id = ids[first];
        if (id < 0 || id >= V)
            return;
        for (int row = first - 1; row >= 0; row--)
            if (ids[row] == id)
                return;
        long to = (long)id * C;
        for (int row = first; row < ids.IntLength; row++)
        {
            if (ids[row] != id)
                continue;
            long from = (long)row * C;
            for (int c = Group.IdxX; c < C; c += BlockSize)
                dTable[to + c] += dY[from + c];
        }
    }
}
