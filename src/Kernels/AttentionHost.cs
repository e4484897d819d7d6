// Causal self-attention on the host; formulas and shapes as in AttentionKernels.

namespace HeadTap.Kernels;

/// <summary>Causal self-attention on the host.</summary>
public static unsafe class AttentionHost
{
    /// <summary>Writes z and logSumExp.</summary>
    public static void Forward(
        float* qkv, int* lengths, float* z, float* logSumExp, int B, int T, int H, int D, float scale)
        => HostSimd.Ranges((long)B * H * T, 8, new ForwardRows(qkv, lengths, z, logSumExp, T, H, D, scale));

    readonly struct ForwardRows(
        float* qkv, int* lengths, float* z, float* logSumExp, int T, int H, int D, float scale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int C = H * D;
            float* p = HostScratch.Floats(0, T);
            for (long item = first; item < end; item++)
            {
                int i = (int)(item % T), head = (int)(item / T % H);
                long b = item / T / H;
                float* to = z + (b * T + i) * C + head * D;
                new Span<float>(to, D).Clear();
                logSumExp[item] = 0f;
                if (i >= lengths[b])
                    continue;
                float* q = qkv + (b * T + i) * 3 * C + head * D;
                float* k = qkv + b * T * 3 * C + C + head * D;
                for (int j = 0; j <= i; j++)
                    p[j] = scale * HostRows.Dot<TWidth, TVector>(q, k + (long)j * 3 * C, D);
                float max = HostRows.Max<TWidth, TVector>(p, i + 1);
                float sum = HostRows.Exp<TWidth, TVector>(p, max, p, i + 1);
                for (int j = 0; j <= i; j++)
                    HostRows.AddScaled<TWidth, TVector>(p[j], k + C + (long)j * 3 * C, to, D);
                HostRows.Scale<TWidth, TVector>(1f / sum, to, D);
                logSumExp[item] = max + MathF.Log(sum);
            }
        }
    }
}
