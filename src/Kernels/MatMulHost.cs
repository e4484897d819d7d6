// The matrix product on the host; forms and shapes as in MatMulKernels.
//
// y is cut into blocks of rows by chunks of columns, an item each. An item packs the weight's part into
// panels two vectors wide by 256 terms, one at a time, and runs its rows of x over each (MatMulBlocks,
// MatMulPack, MatMulTile). One row alone reads the weight in place (MatMulRow).
//
// Order of a sum: terms k in blocks of 256; a block's terms one after the other with fused multiply-adds,
// from zero; block sums added to y in order, then the bias. It depends on k alone: not on M, N, the vector
// width or the threads, so a row gives the same bits alone and in a batch.

using System.Runtime.Intrinsics;

namespace HeadTap.Kernels;

/// <summary>The matrix product on the host; formulas and shapes as in <see cref="MatMulKernels"/>.</summary>
public static unsafe class MatMulHost
{
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
        if (MatMulRow.Fits(shape))
        {
            new MatMulRow(x, weight, bias, y, shape).RunAll();
            return;
        }
        var product = new MatMulBlocks(x, weight, bias, y, shape);
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

    readonly struct ColumnSums(float* dY, float* dBias, int rows, int N) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            long c = first;
            // Four chains of additions, or each waits for the one before.
            for (; c + 4 * lanes <= end; c += 4 * lanes)
            {
                TVector zero = TWidth.Create(0f);
                TVector s0 = zero, s1 = zero, s2 = zero, s3 = zero;
                float* from = dY + c;
                for (int row = 0; row < rows; row++, from += N)
                {
                    s0 = TWidth.Add(s0, TWidth.Load(from));
                    s1 = TWidth.Add(s1, TWidth.Load(from + lanes));
                    s2 = TWidth.Add(s2, TWidth.Load(from + 2 * lanes));
                    s3 = TWidth.Add(s3, TWidth.Load(from + 3 * lanes));
                }
                AddInto<TWidth, TVector>(s0, dBias + c);
                AddInto<TWidth, TVector>(s1, dBias + c + lanes);
                AddInto<TWidth, TVector>(s2, dBias + c + 2 * lanes);
                AddInto<TWidth, TVector>(s3, dBias + c + 3 * lanes);
            }
            for (; c + lanes <= end; c += lanes)
            {
                TVector sum = TWidth.Create(0f);
                for (int row = 0; row < rows; row++)
                    sum = TWidth.Add(sum, TWidth.Load(dY + (long)row * N + c));
                AddInto<TWidth, TVector>(sum, dBias + c);
            }
            for (; c < end; c++)
            {
                float sum = 0f;
                for (int row = 0; row < rows; row++)
                    sum += dY[(long)row * N + c];
                dBias[c] += sum;
            }
        }

        static void AddInto<TWidth, TVector>(TVector sum, float* to)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.Store(TWidth.Add(TWidth.Load(to), sum), to);
    }
}
