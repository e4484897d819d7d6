// AdamW over a factored second moment on the host: the gradient is read once for both sums, in bands of rows
// whose column sums are added in order, and once more by the update.

namespace HeadTap.Kernels;

/// <summary>AdamW over a factored second moment on the host; formulas as in
/// <see cref="AdamWFactoredKernels"/>.</summary>
public static unsafe class AdamWFactoredHost
{
    const int RowsPerBand = 64, ColumnsPerItem = 256;

    /// <summary>Updates rowMoments, columnMoments, weight and m in place.</summary>
    public static void Update(
        float* gradient, float* weight, float* m, float* rowMoments, float* columnMoments, int rows, int K,
        in AdamWScalars s)
    {
        int bands = (rows + RowsPerBand - 1) / RowsPerBand;
        float* partial = HostScratch.Floats(0, (long)bands * K);
        HostSimd.Ranges(rows, RowsPerBand, new Squares(gradient, rowMoments, partial, K, s));
        HostSimd.Ranges(K, ColumnsPerItem, new Columns(partial, columnMoments, bands, rows, K, s));
        double sum = 0;
        for (int row = 0; row < rows; row++)
            sum += rowMoments[row];
        float mean = AdamWFactoredKernels.AtLeast((float)(sum / rows));
        HostSimd.Ranges(rows, Math.Max(1, HostMap.Grain / K),
            new Weights(gradient, weight, m, rowMoments, columnMoments, mean, K, s));
    }

    // A band of rows: their R, and the band's sums of columns.
    readonly struct Squares(float* gradient, float* rowMoments, float* partial, int K, AdamWScalars s)
        : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            float* sums = partial + first / RowsPerBand * K;
            new Span<float>(sums, K).Clear();
            for (long row = first; row < end; row++)
            {
                float* g = gradient + row * K;
                double mean = HostSums.Dot<TWidth, TVector>(g, g, K, s.GradientScale) / K;
                rowMoments[row] = s.Beta2 * rowMoments[row] + s.Gain2 * (float)mean;
                AddSquares<TWidth, TVector>(g, sums);
            }
        }

        void AddSquares<TWidth, TVector>(float* g, float* sums)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector scale = TWidth.Create(s.GradientScale);
            int k = 0;
            for (; k + TWidth.Lanes <= K; k += TWidth.Lanes)
            {
                TVector x = TWidth.Multiply(TWidth.Load(g + k), scale);
                TWidth.Store(TWidth.MultiplyAdd(x, x, TWidth.Load(sums + k)), sums + k);
            }
            for (; k < K; k++)
                sums[k] += g[k] * s.GradientScale * (g[k] * s.GradientScale);
        }
    }

    readonly struct Columns(float* partial, float* columnMoments, int bands, int rows, int K, AdamWScalars s)
        : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long k = first; k < end; k++)
            {
                double sum = 0;
                for (long band = 0; band < bands; band++)
                    sum += partial[band * K + k];
                columnMoments[k] = s.Beta2 * columnMoments[k] + s.Gain2 * (float)(sum / rows);
            }
        }
    }

    readonly struct Weights(
        float* gradient, float* weight, float* m, float* rowMoments, float* columnMoments, float mean, int K,
        AdamWScalars s) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
                Row<TWidth, TVector>(
                    gradient + row * K, weight + row * K, m + row * K, rowMoments[row] / mean);
        }

        void Row<TWidth, TVector>(float* g, float* w, float* m, float share)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector scale = TWidth.Create(s.GradientScale), keep = TWidth.Create(s.Keep);
            TVector beta1 = TWidth.Create(s.Beta1), gain1 = TWidth.Create(s.Gain1);
            TVector step = TWidth.Create(s.StepSize), root = TWidth.Create(s.RootScale);
            TVector epsilon = TWidth.Create(s.Epsilon), shares = TWidth.Create(share);
            int k = 0;
            for (; k + TWidth.Lanes <= K; k += TWidth.Lanes)
            {
                TVector x = TWidth.Multiply(TWidth.Load(g + k), scale);
                TVector a = TWidth.MultiplyAdd(beta1, TWidth.Load(m + k), TWidth.Multiply(gain1, x));
                TVector b = TWidth.Multiply(shares, TWidth.Load(columnMoments + k));
                TWidth.Store(a, m + k);
                TVector change = TWidth.Divide(
                    TWidth.Multiply(step, a), TWidth.MultiplyAdd(TWidth.Sqrt(b), root, epsilon));
                TWidth.Store(
                    TWidth.Subtract(TWidth.Multiply(TWidth.Load(w + k), keep), change), w + k);
            }
            for (; k < K; k++)
            {
                float a = s.Beta1 * m[k] + s.Gain1 * (g[k] * s.GradientScale);
                m[k] = a;
                w[k] = w[k] * s.Keep
                    - s.StepSize * a / (MathF.Sqrt(share * columnMoments[k]) * s.RootScale + s.Epsilon);
            }
        }
    }
}
