// The matrix product on the host; forms and shapes as in MatMulKernels.
//
// y is cut into blocks of rows by chunks of columns, an item each. An item packs the weight's part into
// panels two vectors wide by 256 terms, one at a time, and runs its rows of x over each (MatMulBlocks,
// MatMulPack, MatMulTile). A few rows read the weight
// in place, from one end to the other (MatMulFewRows, MatMulFewRowsTransposed).
//
// What comes after a sum (residual, nonlinearity) is done item by item, while its part of y is in cache.
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

    const int ColumnsPerItem = 64;

    /// <summary>Writes y, or adds into it; any strides (see <see cref="MatMulShape"/>).</summary>
    /// <param name="x">First element of the left operand.</param>
    /// <param name="weight">First element of the right operand.</param>
    /// <param name="bias">[N], or null.</param>
    /// <param name="y">First element of the result.</param>
    /// <param name="shape">Sizes and strides.</param>
    /// <remarks>May be called inside a host body: it then runs on the calling thread alone.</remarks>
    public static void Product(float* x, float* weight, float* bias, float* y, in MatMulShape shape)
        => Finished(x, weight, bias, y, shape, default(Unfinished));

    /// <summary><see cref="Product"/>, then y = residual + y; both are [M, N].</summary>
    public static void ProductAdd(
        float* x, float* weight, float* bias, float* residual, float* y, in MatMulShape shape)
        => Finished(
            x, weight, bias, y, shape, new HostMap.Pairs<ElementwiseHost.Plus>(residual, y, y, default));

    /// <summary><see cref="Product"/>, then y = f(y); y is [M, N].</summary>
    /// <param name="x">First element of the left operand.</param>
    /// <param name="weight">First element of the right operand.</param>
    /// <param name="bias">[N], or null.</param>
    /// <param name="y">First element of the result.</param>
    /// <param name="shape">Sizes and strides.</param>
    /// <param name="activation">f, as <see cref="MatMulEpilogue"/> numbers it.</param>
    public static void ProductActivate(
        float* x, float* weight, float* bias, float* y, in MatMulShape shape, int activation)
    {
        switch (activation)
        {
            case MatMulEpilogue.GeluTanh:
                Mapped(x, weight, bias, y, shape, default(ActivationHost.TanhForm));
                break;
            case MatMulEpilogue.GeluExact:
                Mapped(x, weight, bias, y, shape, default(ActivationHost.ExactForm));
                break;
            default:
                Mapped(x, weight, bias, y, shape, default(ActivationHost.Positive));
                break;
        }
    }

    /// <summary><see cref="Product"/>, then y = y f'(input); both are [M, N].</summary>
    /// <param name="x">First element of the left operand.</param>
    /// <param name="weight">First element of the right operand.</param>
    /// <param name="input">The input of f.</param>
    /// <param name="y">First element of the result.</param>
    /// <param name="shape">Sizes and strides.</param>
    /// <param name="activation">f, as <see cref="MatMulEpilogue"/> numbers it.</param>
    public static void ActivationGradient(
        float* x, float* weight, float* input, float* y, in MatMulShape shape, int activation)
    {
        switch (activation)
        {
            case MatMulEpilogue.GeluTanh:
                MappedWithInput(x, weight, input, y, shape, default(ActivationHost.TanhFormSlope));
                break;
            case MatMulEpilogue.GeluExact:
                MappedWithInput(x, weight, input, y, shape, default(ActivationHost.ExactFormSlope));
                break;
            default:
                MappedWithInput(x, weight, input, y, shape, default(ActivationHost.WherePositive));
                break;
        }
    }

    static void Mapped<TMap>(float* x, float* weight, float* bias, float* y, in MatMulShape shape, TMap map)
        where TMap : struct, IHostMap
        => Finished(x, weight, bias, y, shape, new HostMap.Elements<TMap>(y, y, map));

    static void MappedWithInput<TMap>(
        float* x, float* weight, float* input, float* y, in MatMulShape shape, TMap map)
        where TMap : struct, IHostMap2
        => Finished(x, weight, null, y, shape, new HostMap.Pairs<TMap>(input, y, y, map));

    // The finish is a body over elements of y: it runs on each item's part as soon as that is summed.
    static void Finished<TFinish>(
        float* x, float* weight, float* bias, float* y, in MatMulShape shape, TFinish finish)
        where TFinish : struct, IHostBody
    {
        if (MatMulFewRows.Fits(shape) || MatMulFewRowsTransposed.Fits(shape))
        {
            if (MatMulFewRows.Fits(shape))
                new MatMulFewRows(x, weight, bias, y, shape).RunAll();
            else
                new MatMulFewRowsTransposed(x, weight, bias, y, shape).RunAll();
            if (typeof(TFinish) != typeof(Unfinished))
                HostSimd.Ranges(shape.M * shape.YRow, HostMap.Grain, finish);
            return;
        }
        var product = new MatMulBlocks<TFinish>(x, weight, bias, y, shape, finish);
        switch (HostSimd.Width)
        {
            case 512: product.RunAll<Width512, Vector512<float>>(); break;
            case 256: product.RunAll<Width256, Vector256<float>>(); break;
            default: product.RunAll<Width128, Vector128<float>>(); break;
        }
    }

    readonly struct Unfinished : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
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
