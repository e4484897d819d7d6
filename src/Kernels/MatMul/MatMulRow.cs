using System.Runtime.Intrinsics;

namespace HeadTap.Kernels;

/// <summary>
/// The product of one row, as in decoding: every weight is used once, so none is packed. Weights are read
/// along their rows, eight rows side by side. A sum has the order of <see cref="MatMulHost"/>.
/// </summary>
/// <remarks>In panels of two vectors the same product took 1.15 times OpenBLAS' time at [1, 768] @ [768,
/// 2304].</remarks>
readonly unsafe struct MatMulRow(float* x, float* weight, float* bias, float* y, MatMulShape s) : IHostBody
{
    const int ColumnsPerItem = 512;
    const int SumsSlot = HostScratch.Slots - 1;

    /// <summary>Whether a product is one row times a weight whose rows are contiguous.</summary>
    public static bool Fits(in MatMulShape s) => s.M == 1 && s.WColumn == 1;

    /// <summary>Runs all columns on all threads.</summary>
    public void RunAll() => HostSimd.Ranges(s.N, ColumnsPerItem, this);

    /// <inheritdoc/>
    public void Run<TWidth, TVector>(long first, long end)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int columns = (int)(end - first);
        float* sums = HostScratch.Floats(SumsSlot, ColumnsPerItem);
        int k = 0;
        do
        {
            int terms = Math.Min(MatMulHost.BlockK, s.K - k);
            new Span<float>(sums, columns).Clear();
            Block<TWidth, TVector>(x + k * s.XColumn, weight + k * s.WRow + first, terms, columns, sums);
            bool add = k > 0 || s.Accumulate != 0;
            k += terms;
            for (int c = 0; c < columns; c++)
            {
                float sum = add ? y[first + c] + sums[c] : sums[c];
                y[first + c] = bias != null && k >= s.K ? sum + bias[first + c] : sum;
            }
        }
        while (k < s.K);
    }

    // sums[c] += x[k] weight[k, c], k in order.
    void Block<TWidth, TVector>(float* x, float* w, int terms, int columns, float* sums)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes, whole = columns / lanes * lanes;
        long step = s.XColumn, row = s.WRow;
        int k = 0;
        for (; k + 8 <= terms; k += 8, x += 8 * step, w += 8 * row)
        {
            TVector x0 = TWidth.Create(x[0]), x1 = TWidth.Create(x[step]);
            TVector x2 = TWidth.Create(x[2 * step]), x3 = TWidth.Create(x[3 * step]);
            TVector x4 = TWidth.Create(x[4 * step]), x5 = TWidth.Create(x[5 * step]);
            TVector x6 = TWidth.Create(x[6 * step]), x7 = TWidth.Create(x[7 * step]);
            float* w4 = w + 4 * row;
            for (int c = 0; c < whole; c += lanes)
            {
                TVector sum = TWidth.Load(sums + c);
                sum = TWidth.MultiplyAdd(x0, TWidth.Load(w + c), sum);
                sum = TWidth.MultiplyAdd(x1, TWidth.Load(w + row + c), sum);
                sum = TWidth.MultiplyAdd(x2, TWidth.Load(w + 2 * row + c), sum);
                sum = TWidth.MultiplyAdd(x3, TWidth.Load(w + 3 * row + c), sum);
                sum = TWidth.MultiplyAdd(x4, TWidth.Load(w4 + c), sum);
                sum = TWidth.MultiplyAdd(x5, TWidth.Load(w4 + row + c), sum);
                sum = TWidth.MultiplyAdd(x6, TWidth.Load(w4 + 2 * row + c), sum);
                sum = TWidth.MultiplyAdd(x7, TWidth.Load(w4 + 3 * row + c), sum);
                TWidth.Store(sum, sums + c);
            }
            for (int t = 0; t < 8; t++)
                Last<TWidth, TVector>(x[t * step], w + t * row, whole, columns, sums);
        }
        for (; k < terms; k++, x += step, w += row)
        {
            for (int c = 0; c < whole; c += lanes)
                TWidth.Store(
                    TWidth.MultiplyAdd(TWidth.Create(x[0]), TWidth.Load(w + c), TWidth.Load(sums + c)),
                    sums + c);
            Last<TWidth, TVector>(x[0], w, whole, columns, sums);
        }
    }

    // The columns that fill no vector, rounded as the vectors are.
    static void Last<TWidth, TVector>(float x, float* w, int whole, int columns, float* sums)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        for (int c = whole; c < columns; c++)
        {
            var weight = Vector128.CreateScalarUnsafe(w[c]);
            sums[c] = Vector128.MultiplyAddEstimate(
                Vector128.Create(x), weight, Vector128.CreateScalarUnsafe(sums[c])).ToScalar();
        }
    }
}
