// RotaryKernels on the host: rows are shared among the threads.

namespace HeadTap.Kernels;

/// <summary>Rotates queries and keys on the host; formulas and shapes as in
/// <see cref="RotaryKernels"/>.</summary>
public static unsafe class RotaryHost
{
    /// <summary>Rotates by the position, or back.</summary>
    public static void Rotate(
        float* qkv, int* positions, float* table, int rows, int P, int H, int D, int m, float sign)
        => HostSimd.Ranges(rows, Math.Max(1, HostMap.Grain / Math.Max(2 * H * m, 1)),
            new Rows(qkv, positions, table, P, H, D, m, sign));

    readonly struct Rows(float* qkv, int* positions, float* table, int P, int H, int D, int m, float sign)
        : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
            {
                int t = positions[row];
                if (t < 0 || t >= P)
                    continue;
                float* cosines = table + (long)t * m;
                for (int head = 0; head < 2 * H; head++)
                    Head<TWidth, TVector>(qkv + row * 3 * H * D + (long)head * D, cosines);
            }
        }

        void Head<TWidth, TVector>(float* x, float* cosines)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int half = m / 2, i = 0;
            float* y = x + half, sines = cosines + half;
            TVector signs = TWidth.Create(sign);
            for (; i + TWidth.Lanes <= half; i += TWidth.Lanes)
            {
                TVector a = TWidth.Load(x + i), b = TWidth.Load(y + i), cos = TWidth.Load(cosines + i);
                TVector sin = TWidth.Multiply(signs, TWidth.Load(sines + i));
                // Not fused: the numbers at the end of a head, without vectors, have the same bits.
                TWidth.Store(TWidth.Subtract(TWidth.Multiply(a, cos), TWidth.Multiply(b, sin)), x + i);
                TWidth.Store(TWidth.Add(TWidth.Multiply(b, cos), TWidth.Multiply(a, sin)), y + i);
            }
            for (; i < half; i++)
            {
                float a = x[i], b = y[i], cos = cosines[i], sin = sign * sines[i];
                x[i] = a * cos - b * sin;
                y[i] = b * cos + a * sin;
            }
        }
    }
}
