// EditKernels on the host: the listed rows are shared among the threads, Mean shares columns. Row ids are -1
// or in range: the caller checks.

namespace HeadTap.Kernels;

/// <summary>Edits of listed rows on the host; formulas and shapes as in <see cref="EditKernels"/>.</summary>
public static unsafe class EditHost
{
    const int ColumnsPerItem = 128;

    /// <summary>Adds alpha * values into the listed rows of x.</summary>
    public static void Add(int* rowIds, float* values, float* x,
        int n, int stride, int column, int width, int valueStride, float alpha)
        => HostSimd.Ranges(n, RowsPerItem(width),
            new AddRows(rowIds, values, x + column, stride, width, valueStride, alpha));

    /// <summary>Writes values over the listed rows of x.</summary>
    public static void Replace(int* rowIds, float* values, float* x,
        int n, int stride, int column, int width, int valueStride)
        => HostThreads.Ranges(n, RowsPerItem(width), (first, end) =>
        {
            for (long i = first; i < end; i++)
                if (rowIds[i] >= 0)
                    ElementwiseHost.CopyRow(
                        values + i * valueStride, x + (long)rowIds[i] * stride + column, width);
        });

    /// <summary>Multiplies the listed rows of x by factor; 0 writes zeros.</summary>
    public static void Scale(int* rowIds, float* x, int n, int stride, int column, int width, float factor)
        => HostSimd.Ranges(n, RowsPerItem(width), new ScaleRows(rowIds, x + column, stride, width, factor));

    /// <summary>Takes the part along u out of the listed rows of x.</summary>
    public static void ProjectOut(int* rowIds, float* u, float* x,
        int n, int stride, int column, int width, float strength)
        => HostSimd.Ranges(n, RowsPerItem(width),
            new ProjectRows(rowIds, u, x + column, stride, width, strength));

    /// <summary>Writes mean over the listed rows, and it into each of them.</summary>
    public static void Mean(int* rowIds, float* x, float* mean, int n, int stride, int column, int width)
        => HostSimd.Ranges(width, ColumnsPerItem, new MeanColumns(rowIds, x + column, mean, n, stride));

    static long RowsPerItem(int width) => Math.Max(1, HostMap.Grain / Math.Max(width, 1));

    readonly struct AddRows(
        int* rowIds, float* values, float* x, int stride, int width, int valueStride, float alpha) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long i = first; i < end; i++)
            {
                if (rowIds[i] < 0)
                    continue;
                float* row = x + (long)rowIds[i] * stride;
                new HostMap.Pairs<ElementwiseHost.PlusScaled>(values + i * valueStride, row, row, new(alpha))
                    .Run<TWidth, TVector>(0, width);
            }
        }
    }

    readonly struct ScaleRows(int* rowIds, float* x, int stride, int width, float factor) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long i = first; i < end; i++)
            {
                if (rowIds[i] < 0)
                    continue;
                float* row = x + (long)rowIds[i] * stride;
                if (factor == 0f)
                    new Span<float>(row, width).Clear(); // an ablated NaN must not survive as 0 * NaN
                else
                    new HostMap.Elements<ElementwiseHost.Scaled>(row, row, new(factor))
                        .Run<TWidth, TVector>(0, width);
            }
        }
    }

    readonly struct ProjectRows(
        int* rowIds, float* u, float* x, int stride, int width, float strength) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long i = first; i < end; i++)
            {
                if (rowIds[i] < 0)
                    continue;
                float* row = x + (long)rowIds[i] * stride;
                float along = strength * Product<TWidth, TVector>(row);
                new HostMap.Pairs<ElementwiseHost.PlusScaled>(u, row, row, new(-along))
                    .Run<TWidth, TVector>(0, width);
            }
        }

        float Product<TWidth, TVector>(float* row)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector products = TWidth.Create(0f);
            int c = 0;
            for (; c + TWidth.Lanes <= width; c += TWidth.Lanes)
                products = TWidth.MultiplyAdd(TWidth.Load(row + c), TWidth.Load(u + c), products);
            float product = TWidth.Sum(products);
            for (; c < width; c++)
                product += row[c] * u[c];
            return product;
        }
    }

    readonly struct MeanColumns(int* rowIds, float* x, float* mean, int n, int stride) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            long width = end - first;
            new Span<float>(mean + first, (int)width).Clear();
            int count = 0;
            for (int i = 0; i < n; i++)
            {
                if (rowIds[i] < 0)
                    continue;
                float* row = x + (long)rowIds[i] * stride;
                new HostMap.Pairs<ElementwiseHost.Plus>(row, mean, mean, default)
                    .Run<TWidth, TVector>(first, end);
                count++;
            }
            for (long c = first; c < end && count > 0; c++)
                mean[c] /= count; // not times 1 / count, which would round twice
            for (int i = 0; i < n; i++)
                if (rowIds[i] >= 0)
                    ElementwiseHost.CopyRow(mean + first, x + (long)rowIds[i] * stride + first, width);
        }
    }
}
