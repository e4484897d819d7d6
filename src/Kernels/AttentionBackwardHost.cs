// Gradients of causal self-attention on the host; formulas and shapes as in AttentionBackwardKernels.

namespace HeadTap.Kernels;

/// <summary>Gradients of <see cref="AttentionHost"/>.</summary>
public static unsafe class AttentionBackwardHost
{
    /// <summary>Writes dQkv. One item is a head of a row of the batch, so no two items add into one place.</summary>
    public static void Backward(
        float* qkv, int* lengths, float* z, float* logSumExp, float* dZ, float* dQkv,
        int B, int T, int H, int D, float scale)
        => HostSimd.Ranges((long)B * H, 1,
            new Heads(qkv, lengths, z, logSumExp, dZ, dQkv, T, H, D, scale));

    readonly struct Heads(
        float* qkv, int* lengths, float* z, float* logSumExp, float* dZ, float* dQkv,
        int T, int H, int D, float scale) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int C = H * D;
            long stride = 3L * C;
            for (long item = first; item < end; item++)
            {
                int head = (int)(item % H);
                long b = item / H;
                float* q = qkv + b * T * stride + head * D;
                float* dQ = dQkv + b * T * stride + head * D;
                for (int t = 0; t < T; t++)
                    for (int part = 0; part < 3; part++)
                        new Span<float>(dQ + t * stride + part * C, D).Clear();
                for (int i = 0; i < Math.Min(T, lengths[b]); i++)
                {
                    long row = (b * T + i) * C + head * D;
                    float dot = HostRows.Dot<TWidth, TVector>(z + row, dZ + row, D);
                    for (int j = 0; j <= i; j++)
                    {
                        float* k = q + C + j * stride;
                        float* dK = dQ + C + j * stride;
                        float s = scale * HostRows.Dot<TWidth, TVector>(q + i * stride, k, D);
                        float p = MathF.Exp(s - logSumExp[item * T + i]);
                        float dP = HostRows.Dot<TWidth, TVector>(dZ + row, k + C, D);
                        float dS = p * (dP - dot) * scale;
                        HostRows.AddScaled<TWidth, TVector>(dS, k, dQ + i * stride, D);
                        HostRows.AddScaled<TWidth, TVector>(dS, q + i * stride, dK, D);
                        HostRows.AddScaled<TWidth, TVector>(p, dZ + row, dK + C, D);
                    }
                }
            }
        }
    }
}
