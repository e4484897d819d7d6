// EmbeddingKernels on the host. Gather shares rows among the threads; ScatterAdd shares columns, so that each
// thread adds the rows of its columns in order.

namespace HeadTap.Kernels;

/// <summary>Embedding on the host; formulas and shapes as in <see cref="EmbeddingKernels"/>.</summary>
public static unsafe class EmbeddingHost
{
    const int ColumnsPerItem = 64;

    /// <summary>Writes y, or adds into it. Ids are -1 or in range: the caller checks.</summary>
    public static void Gather(int* ids, float* table, float* y, int rows, int C, bool accumulate)
        => HostSimd.Ranges(rows, Math.Max(1, HostMap.Grain / Math.Max(C, 1)),
            new GatherRows(ids, table, y, C, accumulate));

    /// <summary>Adds into dTable. Ids are -1 or in range: the caller checks.</summary>
    public static void ScatterAdd(int* ids, float* dY, float* dTable, int rows, int C)
        => HostSimd.Ranges(C, ColumnsPerItem, new ScatterColumns(ids, dY, dTable, rows, C));

    readonly struct GatherRows(int* ids, float* table, float* y, int C, bool accumulate) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
            {
                float* from = table + (long)ids[row] * C;
                float* to = y + row * C;
                if (ids[row] < 0 && !accumulate)
                    new Span<float>(to, C).Clear();
                else if (ids[row] >= 0 && accumulate)
                    new HostMap.Pairs<ElementwiseHost.Plus>(from, to, to, default).Run<TWidth, TVector>(0, C);
                else if (ids[row] >= 0)
                    ElementwiseHost.CopyRow(from, to, C);
            }
        }
    }

    readonly struct ScatterColumns(int* ids, float* dY, float* dTable, int rows, int C) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (int row = 0; row < rows; row++)
            {
                if (ids[row] < 0)
                    continue;
                float* to = dTable + (long)ids[row] * C;
                new HostMap.Pairs<ElementwiseHost.Plus>(dY + (long)row * C, to, to, default)
                    .Run<TWidth, TVector>(first, end);
            }
        }
    }
}
