// Cross-entropy on the host: one pass over a row for its maximum and sum, one for the gradient.

namespace HeadTap.Kernels;

/// <summary>Cross-entropy on the host; formulas and shapes as in <see cref="CrossEntropyKernels"/>.</summary>
public static unsafe class CrossEntropyHost
{
    const int ElementsPerItem = 16384;

    /// <summary>Writes losses and, unless it is null, dLogits.</summary>
    public static void Run(
        float* logits, int* targets, float* losses, float* dLogits, int rows, int V, float gradientScale)
        => HostSimd.Ranges(rows, Math.Max(1, ElementsPerItem / V),
            new Rows(logits, targets, losses, dLogits, V, gradientScale));

    readonly struct Rows(
        float* logits, int* targets, float* losses, float* dLogits, int V, float gradientScale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
            {
                float* x = logits + row * V;
                float* d = dLogits == null ? null : dLogits + row * V;
                int target = targets[row];
                if (target < 0 || target >= V)
                {
                    // Not counted; a target outside the vocabulary is made visible instead.
                    float value = target == -1 ? 0f : float.NaN;
                    losses[row] = value;
                    if (d != null)
                        new Span<float>(d, V).Fill(value);
                    continue;
                }
                SoftmaxRowHost softmax = SoftmaxRowHost.Of<TWidth, TVector>(x, V);
                double aligned = (double)x[target] - softmax.Max;
                losses[row] = (float)(Math.Log(softmax.Sum) - aligned);
                if (d == null)
                    continue;
                float factor = (float)(gradientScale / softmax.Sum);
                SoftmaxRowHost.Scaled<TWidth, TVector>(x, d, V, softmax.Max, factor);
                d[target] = TargetGradient(aligned, softmax.Sum, gradientScale);
            }
        }
    }

    /// <summary>
    /// The gradient by the target's logit: (p - 1) gradientScale with p = e^aligned / sum. Computed as (e -
    /// sum) / sum: with nearly all mass on the target, p - 1 would lose the little that is left.
    /// </summary>
    internal static float TargetGradient(double aligned, double sum, float gradientScale)
        => (float)((Math.Exp(aligned) - sum) / sum * gradientScale);
}
