// ColumnKernels on the host: rows are shared among the threads.

namespace HeadTap.Kernels;

/// <summary>Column ranges on the host; formulas and shapes as in <see cref="ColumnKernels"/>.</summary>
public static unsafe class ColumnHost
{
    /// <summary>Writes narrow.</summary>
    public static void Copy(float* wide, float* narrow, int rows, int stride, int column, int width)
        => HostThreads.Ranges(rows, RowsPerItem(width), (first, end) =>
        {
            for (long row = first; row < end; row++)
                ElementwiseHost.CopyRow(wide + row * stride + column, narrow + row * width, width);
        });

    /// <summary>Writes the columns of wide.</summary>
    public static void Write(float* narrow, float* wide, int rows, int stride, int column, int width)
        => HostThreads.Ranges(rows, RowsPerItem(width), (first, end) =>
        {
            for (long row = first; row < end; row++)
                ElementwiseHost.CopyRow(narrow + row * width, wide + row * stride + column, width);
        });

    /// <summary>Adds into the columns of wide.</summary>
    public static void Add(float* narrow, float* wide, int rows, int stride, int column, int width)
        => HostSimd.Ranges(rows, RowsPerItem(width), new AddRows(narrow, wide, stride, column, width));

    static long RowsPerItem(int width) => Math.Max(1, HostMap.Grain / Math.Max(width, 1));

    readonly struct AddRows(float* narrow, float* wide, int stride, int column, int width) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
            {
                float* to = wide + row * stride + column;
                new HostMap.Pairs<ElementwiseHost.Plus>(narrow + row * width, to, to, default)
                    .Run<TWidth, TVector>(0, width);
            }
        }
    }
}
