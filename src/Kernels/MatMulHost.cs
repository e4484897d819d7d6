// The matrix product on the host; forms and shapes as in MatMulKernels.
//
// y is cut into bands of columns, one item each. An item packs 256 rows of its part of the weight into panels
// two vectors wide, runs all rows of x over them (MatMulTile), and goes on to the next 256.
//
// Order of a sum: terms k in blocks of 256; a block's terms one after the other with fused multiply-adds,
// from zero; block sums added to y in order, then the bias. It depends on k alone: not on M, N, the vector
// width or the threads, so a row gives the same bits alone and in a batch.

using System.Runtime.Intrinsics;

namespace HeadTap.Kernels;

/// <summary>The matrix product on the host; formulas and shapes as in <see cref="MatMulKernels"/>.</summary>
public static unsafe class MatMulHost
{
    /// <summary>Terms summed in registers before they are added to y.</summary>
    internal const int BlockK = 256;

    const int PanelsPerItem = 4;
    const int ScratchSlot = HostScratch.Slots - 1; // the last, so that a body that calls Strided has the others
    const int ColumnsPerItem = 64;

    /// <summary>Writes y, or adds into it; any strides (see <see cref="MatMulShape"/>).</summary>
    /// <param name="x">First element of the left operand.</param>
    /// <param name="weight">First element of the right operand.</param>
    /// <param name="bias">[N], or null.</param>
    /// <param name="y">First element of the result.</param>
    /// <param name="shape">Sizes and strides.</param>
    /// <remarks>May be called inside a host body: it then runs on the calling thread alone.</remarks>
    public static void Strided(float* x, float* weight, float* bias, float* y, in MatMulShape shape)
    {
        var product = new Bands(x, weight, bias, y, shape);
        switch (HostSimd.Width)
        {
            case 512: product.RunAll<Width512, Vector512<float>>(); break;
            case 256: product.RunAll<Width256, Vector256<float>>(); break;
            default: product.RunAll<Width128, Vector128<float>>(); break;
        }
    }

    /// <summary>Adds the column sums of dY[rows, N] into dBias, rows in order.</summary>
    public static void BiasGradient(float* dY, float* dBias, int rows, int N)
        => HostSimd.Ranges(N, ColumnsPerItem, new ColumnSums(dY, dBias, rows, N));

    readonly struct Bands(float* x, float* weight, float* bias, float* y, MatMulShape s)
    {
        public void RunAll<TWidth, TVector>()
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int band = PanelsPerItem * 2 * TWidth.Lanes;
            Bands product = this;
            HostThreads.For((s.N + band - 1) / band, item =>
                product.Band<TWidth, TVector>(item * band, Math.Min(product.N, (item + 1) * band)));
        }

        int N => s.N;

        void Band<TWidth, TVector>(int first, int end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int width = 2 * TWidth.Lanes;
            float* panel = HostScratch.Floats(ScratchSlot, BlockK * width);
            int k = 0;
            do
            {
                int terms = Math.Min(BlockK, s.K - k);
                bool add = k > 0 || s.Accumulate != 0, last = k + terms >= s.K;
                for (int j = first; j < end; j += width)
                {
                    Pack(panel, width, k, terms, j, Math.Min(width, end - j));
                    Panel<TWidth, TVector>(panel, k, terms, j, Math.Min(width, end - j), add, last);
                }
                k += terms;
            }
            while (k < s.K);
        }

        // Columns beyond the end are zeros.
        void Pack(float* panel, int width, int k, int terms, int j, int columns)
        {
            if (columns < width)
                new Span<float>(panel, terms * width).Clear();
            float* from = weight + k * s.WRow + j * s.WColumn;
            if (s.WColumn == 1)
                for (int t = 0; t < terms; t++)
                    new Span<float>(from + t * s.WRow, columns).CopyTo(new Span<float>(panel + t * width, columns));
            else
                for (int c = 0; c < columns; c++)
                    for (int t = 0; t < terms; t++)
                        panel[t * width + c] = from[t * s.WRow + c * s.WColumn];
        }

        void Panel<TWidth, TVector>(float* panel, int k, int terms, int j, int columns, bool add, bool last)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int width = 2 * TWidth.Lanes;
            float* edge = stackalloc float[MatMulTile.Rows * width];
            float* b = last && bias != null ? bias + j : null;
            for (int i = 0; i < s.M; i += MatMulTile.Rows)
            {
                int rows = Math.Min(MatMulTile.Rows, s.M - i);
                float* from = x + i * s.XRow + k * s.XColumn, to = y + i * s.YRow + j;
                if (columns == width)
                {
                    MatMulTile.Run<TWidth, TVector>(
                        from, s.XRow, s.XColumn, rows, panel, terms, to, s.YRow, b, add);
                    continue;
                }
                MatMulTile.Run<TWidth, TVector>(
                    from, s.XRow, s.XColumn, rows, panel, terms, edge, width, null, false);
                for (int r = 0; r < rows; r++)
                    for (int c = 0; c < columns; c++)
                    {
                        float sum = edge[r * width + c];
                        if (add)
                            sum = to[r * s.YRow + c] + sum;
                        to[r * s.YRow + c] = b == null ? sum : sum + b[c];
                    }
            }
        }
    }

    readonly struct ColumnSums(float* dY, float* dBias, int rows, int N) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            long c = first;
            for (; c + lanes <= end; c += lanes)
            {
                TVector sum = TWidth.Create(0f);
                for (int row = 0; row < rows; row++)
                    sum = TWidth.Add(sum, TWidth.Load(dY + (long)row * N + c));
                TWidth.Store(TWidth.Add(TWidth.Load(dBias + c), sum), dBias + c);
            }
            for (; c < end; c++)
            {
                float sum = 0f;
                for (int row = 0; row < rows; row++)
                    sum += dY[(long)row * N + c];
                dBias[c] += sum;
            }
        }
    }
}
