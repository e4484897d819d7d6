// Sums on the host: the same cuts as ReductionKernels, with each cut's sum in float64.

namespace HeadTap.Kernels;

/// <summary>Sums on the host; formulas as in <see cref="ReductionKernels"/>.</summary>
public static unsafe class ReductionHost
{
    const int ColumnsPerItem = 256;

    /// <summary>Sum of x.</summary>
    public static double Sum(float* x, long length)
    {
        double[] partial = new double[Cuts(length)];
        HostSimd.Ranges(length, ReductionKernels.CutLength, new SumCut(x, partial));
        return InOrder(partial);
    }

    /// <summary>Sum of a * b.</summary>
    public static double Dot(float* a, float* b, long length)
    {
        double[] partial = new double[Cuts(length)];
        HostSimd.Ranges(length, ReductionKernels.CutLength, new DotCut(a, b, partial));
        return InOrder(partial);
    }

    /// <summary>Sum of x squared; NaN if any x is.</summary>
    public static double Squares(float* x, long length)
    {
        double[] partial = new double[Cuts(length)];
        HostSimd.Ranges(length, ReductionKernels.CutLength, new SquaresCut(x, partial));
        return InOrder(partial);
    }

    /// <summary>Index of the first NaN or infinity, or -1.</summary>
    public static long FirstBad(float* x, long length)
    {
        double[] partial = new double[Cuts(length)];
        HostSimd.Ranges(length, ReductionKernels.CutLength, new BadCut(x, partial));
        foreach (double first in partial)
        {
            if (first >= 0)
                return (long)first;
        }
        return -1;
    }

    /// <summary>Writes sums [rows].</summary>
    public static void RowSums(float* x, float* sums, int rows, int C)
        => HostSimd.Ranges(
            rows, Math.Max(1, ReductionKernels.CutLength / Math.Max(C, 1)), new RowsBody(x, sums, C));

    /// <summary>Adds into sums [C], rows in order.</summary>
    public static void ColumnSums(float* x, float* sums, int rows, int C)
        => HostSimd.Ranges(C, ColumnsPerItem, new ColumnsBody(x, sums, rows, C));

    static long Cuts(long length) => (length + ReductionKernels.CutLength - 1) / ReductionKernels.CutLength;

    static double InOrder(double[] partial)
    {
        double total = 0;
        foreach (double sum in partial)
            total += sum;
        return total;
    }

    readonly struct SumCut(float* x, double[] partial) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => partial[first / ReductionKernels.CutLength] =
                HostSums.Sum<TWidth, TVector>(x + first, end - first);
    }

    readonly struct DotCut(float* a, float* b, double[] partial) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => partial[first / ReductionKernels.CutLength] =
                HostSums.Dot<TWidth, TVector>(a + first, b + first, end - first, 1f);
    }

    readonly struct SquaresCut(float* x, double[] partial) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            // The second pass over a cut, 64 KiB, comes from cache.
            float max = HostSums.MaxAbs<TWidth, TVector>(x + first, (int)(end - first));
            double scale = ReductionKernels.ScaleOfSquares(max);
            partial[first / ReductionKernels.CutLength] =
                HostSums.Dot<TWidth, TVector>(x + first, x + first, end - first, (float)scale)
                / (scale * scale);
        }
    }

    readonly struct BadCut(float* x, double[] partial) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            long found = -1;
            if (!(HostSums.MaxAbs<TWidth, TVector>(x + first, (int)(end - first)) <= float.MaxValue))
            {
                for (found = first; float.IsFinite(x[found]); found++)
                {
                }
            }
            partial[first / ReductionKernels.CutLength] = found;
        }
    }

    readonly struct RowsBody(float* x, float* sums, int C) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
                sums[row] = (float)HostSums.Sum<TWidth, TVector>(x + row * C, C);
        }
    }

    readonly struct ColumnsBody(float* x, float* sums, int rows, int C) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes, length = (int)(end - first);
            // Rows are read as they lie in memory; the sums of an item stay in the nearest cache.
            float* total = HostScratch.Floats(0, ColumnsPerItem);
            new Span<float>(total, length).Clear();
            for (long row = 0; row < rows; row++)
            {
                float* from = x + row * C + first;
                int c = 0;
                for (; c + lanes <= length; c += lanes)
                    TWidth.Store(TWidth.Add(TWidth.Load(total + c), TWidth.Load(from + c)), total + c);
                for (; c < length; c++)
                    total[c] += from[c];
            }
            for (int c = 0; c < length; c++)
                sums[first + c] += total[c];
        }
    }
}
