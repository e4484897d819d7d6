// KL divergence in chunks of columns, on the host.

namespace HeadTap.Kernels;

/// <summary>
/// Chunked KL divergence on the host; formulas and shapes as in <see cref="KlDivergenceChunkKernels"/>.
/// </summary>
public static unsafe class KlDivergenceChunkHost
{
    const int ElementsPerItem = 16384;

    /// <summary>Writes statistics, or continues them, and the losses so far.</summary>
    public static void Statistics(
        float* targetLogits, float* logits, float* statistics, float* losses,
        int rows, long targetStride, int n, bool begin)
        => HostSimd.Ranges(rows, Math.Max(1, ElementsPerItem / n),
            new StatisticsRows(targetLogits, logits, statistics, losses, targetStride, n, begin));

    /// <summary>Overwrites logits with their gradient.</summary>
    public static void Gradient(
        float* targetLogits, float* statistics, float* logits,
        int rows, long targetStride, int n, float gradientScale)
        => HostSimd.Ranges(rows, Math.Max(1, ElementsPerItem / n),
            new GradientRows(targetLogits, statistics, logits, targetStride, n, gradientScale));

    readonly struct StatisticsRows(
        float* targetLogits, float* logits, float* statistics, float* losses,
        long targetStride, int n, bool begin) : IHostBody
    {
        public void Run<TWidth, TVector>(long from, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long r = from; r < end; r++)
            {
                float* a = targetLogits + r * targetStride;
                float* b = logits + r * n;
                float* kept = statistics + r * KlDivergenceChunkKernels.StatisticsPerRow;
                SoftmaxRow oldA = begin ? SoftmaxRow.Empty : new(kept[0], kept[1]);
                SoftmaxRow oldB = begin ? SoftmaxRow.Empty : new(kept[2], kept[3]);
                SoftmaxRow p = oldA.With(Chunk<TWidth, TVector>(a)),
                    q = oldB.With(Chunk<TWidth, TVector>(b));
                double t = begin ? 0 : KlDivergenceChunkKernels.Moved(kept[4], oldA, oldB, p.Max, q.Max);
                // -infinity minus a maximum of -infinity would be NaN; a finite maximum leaves it -infinity.
                float maxB = q.Max == float.NegativeInfinity ? 0f : q.Max;
                for (int start = 0; start < n; start += SoftmaxRowHost.BlockLength)
                    t += KlDivergenceHost.Terms<TWidth, TVector>(a + start, b + start, null,
                        Math.Min(SoftmaxRowHost.BlockLength, n - start), p.Max, maxB, 0f, 0f);
                (kept[0], kept[1], kept[2], kept[3], kept[4]) = (p.Max, p.Sum, q.Max, q.Sum, (float)t);
                losses[r] = (float)(t / p.Sum + (Math.Log(q.Sum) - Math.Log(p.Sum)));
            }
        }

        SoftmaxRow Chunk<TWidth, TVector>(float* x)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            SoftmaxRowHost chunk = SoftmaxRowHost.Of<TWidth, TVector>(x, n);
            return new(chunk.Max, (float)chunk.Sum);
        }
    }

    readonly struct GradientRows(
        float* targetLogits, float* statistics, float* logits,
        long targetStride, int n, float gradientScale) : IHostBody
    {
        public void Run<TWidth, TVector>(long from, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            for (long r = from; r < end; r++)
            {
                float* a = targetLogits + r * targetStride;
                float* b = logits + r * n;
                float* kept = statistics + r * KlDivergenceChunkKernels.StatisticsPerRow;
                float fp = gradientScale / kept[1], fq = gradientScale / kept[3];
                TVector maxA = TWidth.Create(kept[0]), maxB = TWidth.Create(kept[2]);
                TVector fps = TWidth.Create(fp), fqs = TWidth.Create(fq);
                int v = 0;
                for (; v + lanes <= n; v += lanes)
                {
                    TVector p = HostSimd.Exp<TWidth, TVector>(TWidth.Subtract(TWidth.Load(a + v), maxA));
                    TVector q = HostSimd.Exp<TWidth, TVector>(TWidth.Subtract(TWidth.Load(b + v), maxB));
                    TWidth.Store(TWidth.Subtract(TWidth.Multiply(q, fqs), TWidth.Multiply(p, fps)), b + v);
                }
                for (; v < n; v++)
                    b[v] = MathF.Exp(b[v] - kept[2]) * fq - MathF.Exp(a[v] - kept[0]) * fp;
            }
        }
    }
}
