using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadTap.Kernels;

/// <summary>
/// The product of a few rows, as in decoding: reading the weight is what takes time, so none is packed.
/// Weights are
/// read along their rows, eight rows side by side, and meet all rows of x. A sum has the order of
/// <see cref="MatMulHost"/>.
/// </summary>
/// <remarks>In panels of two vectors one row took 1.15 times OpenBLAS' time at [1, 768] @ [768, 2304]; eight
/// rows read
/// GPT-2's weights at 9 GB/s where this machine reads 30 (docs/log.md).</remarks>
readonly unsafe struct MatMulFewRows(float* x, float* weight, float* bias, float* y, MatMulShape s)
    : IHostBody
{
    /// <summary>More rows are faster in panels (docs/log.md).</summary>
    internal const int MostRows = 16;

    const int MostColumns = 512, LeastColumns = 64;
    const int LineFloats = 16; // threads do not share a line of y
    const int TermsAtOnce = 8;
    const int SumsSlot = HostScratch.Slots - 1, TermsSlot = HostScratch.Slots - 2;

    /// <summary>Whether a product is a few rows times a weight whose rows are contiguous.</summary>
    public static bool Fits(in MatMulShape s) => s.M is > 0 and <= MostRows && s.WColumn == 1;

    /// <summary>Runs all columns on all threads.</summary>
    public void RunAll() => HostSimd.Ranges(s.N, Even(s.N, MostColumns), this);

    /// <summary>
    /// Columns of an item, so that every thread gets as many: 768 in items of 512 keep one of two threads
    /// waiting for
    /// a quarter of the time. No sum depends on it.
    /// </summary>
    public static int Even(int columns, int most)
    {
        int threads = HostThreads.Count, items = (columns + most - 1) / most;
        items = (items + threads - 1) / threads * threads;
        int even = (columns + items - 1) / Math.Max(1, items);
        return Math.Clamp((even + LineFloats - 1) / LineFloats * LineFloats, LeastColumns, most);
    }

    /// <inheritdoc/>
    public void Run<TWidth, TVector>(long first, long end)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int columns = (int)(end - first), M = s.M;
        float* sums = HostScratch.Floats(SumsSlot, M * MostColumns);
        float* xs = HostScratch.Floats(TermsSlot, M * TermsAtOnce);
        int k = 0;
        do
        {
            int terms = Math.Min(MatMulHost.BlockK, s.K - k);
            new Span<float>(sums, M * columns).Clear();
            float* w = weight + k * s.WRow + first;
            if (M == 1)
                One<TWidth, TVector>(x + k * s.XColumn, w, terms, columns, sums);
            else
                Several<TWidth, TVector>(x + k * s.XColumn, w, terms, columns, sums, xs);
            bool add = k > 0 || s.Accumulate != 0;
            k += terms;
            for (int m = 0; m < M; m++)
            {
                float* to = y + m * s.YRow + first, from = sums + m * columns;
                for (int c = 0; c < columns; c++)
                {
                    float sum = add ? to[c] + from[c] : from[c];
                    to[c] = bias != null && k >= s.K ? sum + bias[first + c] : sum;
                }
            }
        }
        while (k < s.K);
    }

    // sums[c] += x[k] weight[k, c], k in order.
    void One<TWidth, TVector>(float* x, float* w, int terms, int columns, float* sums)
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
                if (c % LineFloats == 0)
                    Fetch(w4 + 4 * row + c, row);
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
            Term<TWidth, TVector>(x[0], w, columns, sums);
    }

    // The same for all rows: eight vectors of the weight are loaded once.
    void Several<TWidth, TVector>(float* x, float* w, int terms, int columns, float* sums, float* xs)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes, whole = columns / lanes * lanes, M = s.M;
        long step = s.XColumn, row = s.WRow;
        int k = 0;
        for (; k + 8 <= terms; k += 8, x += 8 * step, w += 8 * row)
        {
            for (int m = 0; m < M; m++)
                for (int t = 0; t < 8; t++)
                    xs[m * 8 + t] = x[m * s.XRow + t * step];
            float* w4 = w + 4 * row;
            for (int c = 0; c < whole; c += lanes)
            {
                if (c % LineFloats == 0)
                    Fetch(w4 + 4 * row + c, row);
                TVector w0 = TWidth.Load(w + c), w1 = TWidth.Load(w + row + c);
                TVector w2 = TWidth.Load(w + 2 * row + c), w3 = TWidth.Load(w + 3 * row + c);
                TVector u0 = TWidth.Load(w4 + c), u1 = TWidth.Load(w4 + row + c);
                TVector u2 = TWidth.Load(w4 + 2 * row + c), u3 = TWidth.Load(w4 + 3 * row + c);
                float* at = xs, to = sums + c;
                for (int m = 0; m < M; m++, at += 8, to += columns)
                {
                    TVector sum = TWidth.Load(to);
                    sum = TWidth.MultiplyAdd(TWidth.Create(at[0]), w0, sum);
                    sum = TWidth.MultiplyAdd(TWidth.Create(at[1]), w1, sum);
                    sum = TWidth.MultiplyAdd(TWidth.Create(at[2]), w2, sum);
                    sum = TWidth.MultiplyAdd(TWidth.Create(at[3]), w3, sum);
                    sum = TWidth.MultiplyAdd(TWidth.Create(at[4]), u0, sum);
                    sum = TWidth.MultiplyAdd(TWidth.Create(at[5]), u1, sum);
                    sum = TWidth.MultiplyAdd(TWidth.Create(at[6]), u2, sum);
                    sum = TWidth.MultiplyAdd(TWidth.Create(at[7]), u3, sum);
                    TWidth.Store(sum, to);
                }
            }
            if (whole < columns)
                for (int m = 0; m < M; m++)
                    for (int t = 0; t < 8; t++)
                        Last<TWidth, TVector>(xs[m * 8 + t], w + t * row, whole, columns, sums + m * columns);
        }
        for (; k < terms; k++, x += step, w += row)
            for (int m = 0; m < M; m++)
                Term<TWidth, TVector>(x[m * s.XRow], w, columns, sums + m * columns);
    }

    static void Term<TWidth, TVector>(float x, float* w, int columns, float* sums)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes, whole = columns / lanes * lanes;
        for (int c = 0; c < whole; c += lanes)
            TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(x), TWidth.Load(w + c), TWidth.Load(sums + c)), sums
                + c);
        Last<TWidth, TVector>(x, w, whole, columns, sums);
    }

    // The same columns of the next eight rows, which are too far apart for the processor to see them coming.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Fetch(float* from, long row)
    {
        if (Sse.IsSupported)
            for (int k = 0; k < 8; k++)
                Sse.Prefetch1(from + k * row);
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
