// KL divergence on the host: a pass over each row for its maximum and sum, then one over both.

namespace HeadTap.Kernels;

/// <summary>KL divergence on the host; formulas and shapes as in <see cref="KlDivergenceKernels"/>.</summary>
public static unsafe class KlDivergenceHost
{
    const int ElementsPerItem = 16384;

    /// <summary>Writes losses and, unless it is null, dLogits.</summary>
    public static void Run(
        float* targetLogits, float* logits, float* losses, float* dLogits,
        int rows, int V, float gradientScale)
        => HostSimd.Ranges(rows, Math.Max(1, ElementsPerItem / V),
            new Rows(targetLogits, logits, losses, dLogits, V, gradientScale));

    readonly struct Rows(
        float* targetLogits, float* logits, float* losses, float* dLogits,
        int V, float gradientScale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
            {
                float* a = targetLogits + row * V;
                float* b = logits + row * V;
                float* d = dLogits == null ? null : dLogits + row * V;
                SoftmaxRowHost p = SoftmaxRowHost.Of<TWidth, TVector>(a, V);
                SoftmaxRowHost q = SoftmaxRowHost.Of<TWidth, TVector>(b, V);
                float fp = (float)(gradientScale / p.Sum), fq = (float)(gradientScale / q.Sum);
                double cross = 0;
                for (int start = 0; start < V; start += SoftmaxRowHost.BlockLength)
                    cross += Terms<TWidth, TVector>(a + start, b + start, d == null ? null : d + start,
                        Math.Min(SoftmaxRowHost.BlockLength, V - start), p.Max, q.Max, fp, fq);
                losses[row] = (float)(cross / p.Sum + (Math.Log(q.Sum) - Math.Log(p.Sum)));
            }
        }
    }

    /// <summary>
    /// The sum over a block of <c>e^(a - maxA) ((a - maxA) - (b - maxB))</c>; with d also writes
    /// <c>d = e^(b - maxB) fq - e^(a - maxA) fp</c>, which may be b.
    /// </summary>
    internal static float Terms<TWidth, TVector>(
        float* a, float* b, float* d, int length, float maxA, float maxB, float fp, float fq)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector zero = TWidth.Create(0f), maxAs = TWidth.Create(maxA), maxBs = TWidth.Create(maxB);
        TVector fps = TWidth.Create(fp), fqs = TWidth.Create(fq), sums = zero;
        int v = 0;
        for (; v + lanes <= length; v += lanes)
        {
            TVector x = TWidth.Subtract(TWidth.Load(a + v), maxAs);
            TVector y = TWidth.Subtract(TWidth.Load(b + v), maxBs);
            TVector e = HostSimd.Exp<TWidth, TVector>(x);
            // Nothing where p is 0, as in KlDivergenceKernels.Term.
            TVector terms = TWidth.Multiply(e, TWidth.Subtract(x, y));
            sums = TWidth.Add(sums, TWidth.IfLess(zero, e, terms, zero));
            if (d == null)
                continue;
            TVector scaledQ = TWidth.Multiply(HostSimd.Exp<TWidth, TVector>(y), fqs);
            TWidth.Store(TWidth.Subtract(scaledQ, TWidth.Multiply(e, fps)), d + v);
        }
        float sum = TWidth.Sum(sums);
        for (; v < length; v++)
        {
            float x = a[v] - maxA, y = b[v] - maxB, e = MathF.Exp(x);
            sum += e > 0f ? e * (x - y) : 0f;
            if (d != null)
                d[v] = MathF.Exp(y) * fq - e * fp;
        }
        return sum;
    }
}
