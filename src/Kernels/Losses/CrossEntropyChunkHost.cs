// Cross-entropy in chunks of columns, on the host.

namespace HeadTap.Kernels;

/// <summary>
/// Chunked cross-entropy on the host; formulas and shapes as in <see cref="CrossEntropyChunkKernels"/>.
/// </summary>
public static unsafe class CrossEntropyChunkHost
{
    const int ElementsPerItem = 16384;

    /// <summary>Writes statistics, or continues them, and the losses so far.</summary>
    public static void Statistics(
        float* logits, int* targets, float* statistics, float* losses, int rows, int first, int n)
        => HostSimd.Ranges(rows, Math.Max(1, ElementsPerItem / n),
            new StatisticsRows(logits, targets, statistics, losses, first, n));

    /// <summary>Overwrites logits with their gradient.</summary>
    public static void Gradient(
        int* targets, float* statistics, float* logits, int rows, int first, int n, float gradientScale)
        => HostSimd.Ranges(rows, Math.Max(1, ElementsPerItem / n),
            new GradientRows(targets, statistics, logits, first, n, gradientScale));

    readonly struct StatisticsRows(
        float* logits, int* targets, float* statistics, float* losses, int first, int n) : IHostBody
    {
        public void Run<TWidth, TVector>(long from, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long r = from; r < end; r++)
            {
                float* x = logits + r * n;
                float* kept = statistics + r * CrossEntropyChunkKernels.StatisticsPerRow;
                SoftmaxRowHost chunk = SoftmaxRowHost.Of<TWidth, TVector>(x, n);
                SoftmaxRow row = first == 0 ? SoftmaxRow.Empty : new(kept[0], kept[1]);
                row = row.With(new(chunk.Max, (float)chunk.Sum));
                int target = targets[r];
                float targetLogit = target >= first && target < first + n ? x[target - first]
                    : first == 0 ? float.NaN : kept[2];
                (kept[0], kept[1], kept[2]) = (row.Max, row.Sum, targetLogit);
                losses[r] = target == -1 ? 0f : (float)(Math.Log(row.Sum) - ((double)targetLogit - row.Max));
            }
        }
    }

    readonly struct GradientRows(
        int* targets, float* statistics, float* logits, int first, int n, float gradientScale) : IHostBody
    {
        public void Run<TWidth, TVector>(long from, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long r = from; r < end; r++)
            {
                float* x = logits + r * n;
                float* kept = statistics + r * CrossEntropyChunkKernels.StatisticsPerRow;
                int target = targets[r];
                if (target == -1 || float.IsNaN(kept[2]))
                {
                    new Span<float>(x, n).Fill(target == -1 ? 0f : float.NaN);
                    continue;
                }
                SoftmaxRowHost.Scaled<TWidth, TVector>(x, x, n, kept[0], gradientScale / kept[1]);
                if (target >= first && target < first + n)
                    x[target - first] = CrossEntropyHost.TargetGradient(
                        (double)kept[2] - kept[0], kept[1], gradientScale);
            }
        }
    }
}
