using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace HeadTap.Kernels;

/// <summary>
/// The product of a few rows with a weight that is stored [outputs, terms], as the head's: sixteen outputs at
/// a time,
/// each read from one end to the other. A sum has the order of <see cref="MatMulHost"/>.
/// </summary>
/// <remarks>In panels of 256 terms, which leave each output's row after a kilobyte, GPT-2's head was read at
/// 10 GB/s
/// where this machine reads 30 (bench/compare --work decode).</remarks>
readonly unsafe struct MatMulFewRowsTransposed(float* x, float* weight, float* bias, float* y, MatMulShape s)
    : IHostBody
{
    const int Outputs = 8; // of a vector of 256 bits, whatever the width in force: bits do not depend on it
    const int MostOutputs = 512;
    const int LineFloats = 16;

    /// <summary>Whether a product is a few rows times a weight whose columns are contiguous.</summary>
    public static bool Fits(in MatMulShape s) => s.M is > 0 and <= MatMulFewRows.MostRows && s.WRow == 1
        && s.WColumn != 1 && s.XColumn == 1 && Avx.IsSupported;

    /// <summary>Runs all outputs on all threads.</summary>
    public void RunAll() => HostSimd.Ranges(s.N, MatMulFewRows.Even(s.N, MostOutputs), this);

    /// <inheritdoc/>
    public void Run<TWidth, TVector>(long first, long end)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        long j = first;
        for (; j + 2 * Outputs <= end; j += 2 * Outputs)
        {
            int m = 0;
            for (; m + 8 <= s.M; m += 8)
            {
                EightRows(m, j, fetch: m == 0);
                EightRows(m, j + Outputs, fetch: false);
            }
            for (; m + 4 <= s.M; m += 4)
            {
                FourRows(m, j, fetch: m == 0);
                FourRows(m, j + Outputs, fetch: false);
            }
            for (; m < s.M; m++)
                OneRow(m, j, fetch: m == 0);
        }
        for (int m = 0; m < s.M; m++)
            for (long left = j; left < end; left++)
                Single(m, left);
    }

    // One row with sixteen outputs.
    void OneRow(int m, long j, bool fetch)
    {
        float* w = weight + j * s.WColumn, x = X(m);
        bool add = s.Accumulate != 0;
        int k = 0;
        do
        {
            int end = Math.Min(k + MatMulHost.BlockK, s.K);
            Vector256<float> a = default, b = default;
            for (; k + 4 <= end; k += 4)
            {
                if (fetch && k % LineFloats == 0)
                    Fetch(w + k);
                var first = new FourTerms(w + k, s.WColumn);
                a = first.AddedTo(a, x + k);
                var second = new FourTerms(w + Outputs * s.WColumn + k, s.WColumn);
                b = second.AddedTo(b, x + k);
            }
            for (; k < end; k++)
            {
                a = Vector256.MultiplyAddEstimate(Vector256.Create(x[k]), Gathered(w + k), a);
                b = Vector256.MultiplyAddEstimate(Vector256.Create(x[k]), Gathered(w + Outputs * s.WColumn
                    + k), b);
            }
            Finish(a, m, j, add, k >= s.K);
            Finish(b, m, j + Outputs, add, k >= s.K);
            add = true;
        }
        while (k < s.K);
    }

    // Four rows with eight outputs: terms are put in order once for all of them.
    void FourRows(int m, long j, bool fetch)
    {
        float* w = weight + j * s.WColumn, x0 = X(m), x1 = X(m + 1), x2 = X(m + 2), x3 = X(m + 3);
        bool add = s.Accumulate != 0;
        int k = 0;
        do
        {
            int end = Math.Min(k + MatMulHost.BlockK, s.K);
            Vector256<float> a = default, b = default, c = default, d = default;
            for (; k + 4 <= end; k += 4)
            {
                if (fetch && k % LineFloats == 0)
                    Fetch(w + k);
                var terms = new FourTerms(w + k, s.WColumn);
                a = terms.AddedTo(a, x0 + k);
                b = terms.AddedTo(b, x1 + k);
                c = terms.AddedTo(c, x2 + k);
                d = terms.AddedTo(d, x3 + k);
            }
            for (; k < end; k++)
            {
                Vector256<float> term = Gathered(w + k);
                a = Vector256.MultiplyAddEstimate(Vector256.Create(x0[k]), term, a);
                b = Vector256.MultiplyAddEstimate(Vector256.Create(x1[k]), term, b);
                c = Vector256.MultiplyAddEstimate(Vector256.Create(x2[k]), term, c);
                d = Vector256.MultiplyAddEstimate(Vector256.Create(x3[k]), term, d);
            }
            Finish(a, m, j, add, k >= s.K);
            Finish(b, m + 1, j, add, k >= s.K);
            Finish(c, m + 2, j, add, k >= s.K);
            Finish(d, m + 3, j, add, k >= s.K);
            add = true;
        }
        while (k < s.K);
    }

    // Eight rows with eight outputs: as many sums as registers hold beside the terms.
    void EightRows(int m, long j, bool fetch)
    {
        float* w = weight + j * s.WColumn, x0 = X(m), x4 = X(m + 4);
        long row = s.XRow;
        bool add = s.Accumulate != 0;
        int k = 0;
        do
        {
            int end = Math.Min(k + MatMulHost.BlockK, s.K);
            Vector256<float> a = default, b = default, c = default, d = default;
            Vector256<float> e = default, f = default, g = default, h = default;
            for (; k + 4 <= end; k += 4)
            {
                if (fetch && k % LineFloats == 0)
                    Fetch(w + k);
                var terms = new FourTerms(w + k, s.WColumn);
                float* at = x0 + k, low = x4 + k;
                a = terms.AddedTo(a, at);
                b = terms.AddedTo(b, at + row);
                c = terms.AddedTo(c, at + 2 * row);
                d = terms.AddedTo(d, at + 3 * row);
                e = terms.AddedTo(e, low);
                f = terms.AddedTo(f, low + row);
                g = terms.AddedTo(g, low + 2 * row);
                h = terms.AddedTo(h, low + 3 * row);
            }
            for (; k < end; k++)
            {
                Vector256<float> term = Gathered(w + k);
                float* at = x0 + k, low = x4 + k;
                a = Vector256.MultiplyAddEstimate(Vector256.Create(at[0]), term, a);
                b = Vector256.MultiplyAddEstimate(Vector256.Create(at[row]), term, b);
                c = Vector256.MultiplyAddEstimate(Vector256.Create(at[2 * row]), term, c);
                d = Vector256.MultiplyAddEstimate(Vector256.Create(at[3 * row]), term, d);
                e = Vector256.MultiplyAddEstimate(Vector256.Create(low[0]), term, e);
                f = Vector256.MultiplyAddEstimate(Vector256.Create(low[row]), term, f);
                g = Vector256.MultiplyAddEstimate(Vector256.Create(low[2 * row]), term, g);
                h = Vector256.MultiplyAddEstimate(Vector256.Create(low[3 * row]), term, h);
            }
            bool last = k >= s.K;
            Finish(a, m, j, add, last);
            Finish(b, m + 1, j, add, last);
            Finish(c, m + 2, j, add, last);
            Finish(d, m + 3, j, add, last);
            Finish(e, m + 4, j, add, last);
            Finish(f, m + 5, j, add, last);
            Finish(g, m + 6, j, add, last);
            Finish(h, m + 7, j, add, last);
            add = true;
        }
        while (k < s.K);
    }

    float* X(int m) => x + m * s.XRow;

    // Four terms of eight outputs, a vector each.
    readonly struct FourTerms
    {
        readonly Vector256<float> _0, _1, _2, _3;

        // Rows four apart share a vector, so no shuffle need cross its halves.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal FourTerms(float* w, long row)
        {
            float* lower = w + 4 * row;
            Vector256<float> r0 = Pair(w, lower), r1 = Pair(w + row, lower + row);
            Vector256<float> r2 = Pair(w + 2 * row, lower + 2 * row), r3 = Pair(w + 3 * row, lower + 3 * row);
            Vector256<double> a = Avx.UnpackLow(r0, r1).AsDouble(), b = Avx.UnpackHigh(r0, r1).AsDouble();
            Vector256<double> c = Avx.UnpackLow(r2, r3).AsDouble(), d = Avx.UnpackHigh(r2, r3).AsDouble();
            (_0, _1) = (Avx.UnpackLow(a, c).AsSingle(), Avx.UnpackHigh(a, c).AsSingle());
            (_2, _3) = (Avx.UnpackLow(b, d).AsSingle(), Avx.UnpackHigh(b, d).AsSingle());
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal Vector256<float> AddedTo(Vector256<float> sum, float* x)
        {
            sum = Vector256.MultiplyAddEstimate(Vector256.Create(x[0]), _0, sum);
            sum = Vector256.MultiplyAddEstimate(Vector256.Create(x[1]), _1, sum);
            sum = Vector256.MultiplyAddEstimate(Vector256.Create(x[2]), _2, sum);
            return Vector256.MultiplyAddEstimate(Vector256.Create(x[3]), _3, sum);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<float> Pair(float* upper, float* lower)
            => Vector256.Create(Vector128.Load(upper), Vector128.Load(lower));
    }

    Vector256<float> Gathered(float* w)
    {
        long row = s.WColumn;
        return Vector256.Create(w[0], w[row], w[2 * row], w[3 * row], w[4 * row], w[5 * row], w[6 * row],
            w[7 * row]);
    }

    // The same terms of the outputs that come next: rows are too short for the processor to see them coming.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void Fetch(float* from)
    {
        float* next = from + 2 * Outputs * s.WColumn;
        for (int c = 0; c < 2 * Outputs; c++, next += s.WColumn)
            Sse.Prefetch1(next);
    }

    void Finish(Vector256<float> sum, int m, long j, bool add, bool last)
    {
        float* to = y + m * s.YRow + j;
        if (add)
            sum = Vector256.Load(to) + sum;
        if (last && bias != null)
            sum += Vector256.Load(bias + j);
        sum.Store(to);
    }

    // Rounded as the vectors are.
    void Single(int m, long j)
    {
        float* w = weight + j * s.WColumn, x = X(m), to = y + m * s.YRow + j;
        bool add = s.Accumulate != 0;
        int k = 0;
        do
        {
            float sum = 0f;
            for (int end = Math.Min(k + MatMulHost.BlockK, s.K); k < end; k++)
                sum = Vector128.MultiplyAddEstimate(Vector128.CreateScalarUnsafe(x[k]),
                    Vector128.CreateScalarUnsafe(w[k]), Vector128.CreateScalarUnsafe(sum)).ToScalar();
            if (add)
                sum = *to + sum;
            *to = bias != null && k >= s.K ? sum + bias[j] : sum;
            add = true;
        }
        while (k < s.K);
    }
}
