// LayerNorm on the host: the three bodies of LayerNormKernels in vectors, with the same argument order, plus
// the row count that a kernel takes from its grid.

using System.Runtime.CompilerServices;

namespace HeadTap.Kernels;

/// <summary>LayerNorm on the host; formulas and shapes as in <see cref="LayerNormKernels"/>.</summary>
public static unsafe class LayerNormHost
{
    const int RowsPerItem = 16;
    const int ColumnsPerItem = 64;

    /// <summary>Writes y, mean and rstd.</summary>
    public static void Forward(
        float* x, float* weight, float* bias, float* y, float* mean, float* rstd, int rows, int C, float eps)
        => HostSimd.Ranges(rows, RowsPerItem, new ForwardRows(x, weight, bias, y, mean, rstd, C, eps));

    /// <summary>Adds into dX.</summary>
    public static void BackwardInput(
        float* x, float* weight, float* mean, float* rstd, float* dY, float* dX, int rows, int C)
        => HostSimd.Ranges(rows, RowsPerItem, new BackwardInputRows(x, weight, mean, rstd, dY, dX, C));

    /// <summary>Adds into dWeight and dBias.</summary>
    public static void BackwardParams(
        float* x, float* mean, float* rstd, float* dY, float* dWeight, float* dBias, int rows, int C)
        => HostSimd.Ranges(C, ColumnsPerItem,
            new BackwardColumns(x, mean, rstd, dY, dWeight, dBias, rows, C));

    readonly struct ForwardRows(
        float* x, float* weight, float* bias, float* y, float* mean, float* rstd, int C, float eps)
            : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            for (long row = first; row < end; row++)
            {
                float* from = x + row * C;
                float* to = y + row * C;
                int c = 0;

                TVector sums = TWidth.Create(0f);
                for (; c + lanes <= C; c += lanes)
                    sums = TWidth.Add(sums, TWidth.Load(from + c));
                float sum = TWidth.Sum(sums);
                for (; c < C; c++)
                    sum += from[c];
                float m = sum / C;

                // A second pass, not E[x^2] - m^2: see LayerNormKernels.Forward.
                TVector ms = TWidth.Create(m);
                TVector squaresByLane = TWidth.Create(0f);
                for (c = 0; c + lanes <= C; c += lanes)
                {
                    TVector d = TWidth.Subtract(TWidth.Load(from + c), ms);
                    squaresByLane = TWidth.MultiplyAdd(d, d, squaresByLane);
                }
                float squares = TWidth.Sum(squaresByLane);
                for (; c < C; c++)
                    squares += (from[c] - m) * (from[c] - m);
                float r = 1f / MathF.Sqrt(squares / C + eps);

                TVector rs = TWidth.Create(r);
                for (c = 0; c + lanes <= C; c += lanes)
                {
                    TVector xhat = TWidth.Multiply(TWidth.Subtract(TWidth.Load(from + c), ms), rs);
                    TWidth.Store(TWidth.MultiplyAdd(xhat, TWidth.Load(weight + c), TWidth.Load(bias + c)),
                        to + c);
                }
                for (; c < C; c++)
                    to[c] = (from[c] - m) * r * weight[c] + bias[c];
                mean[row] = m;
                rstd[row] = r;
            }
        }
    }

    readonly struct BackwardInputRows(
        float* x, float* weight, float* mean, float* rstd, float* dY, float* dX, int C) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            for (long row = first; row < end; row++)
            {
                float* from = x + row * C;
                float* d = dY + row * C;
                float* to = dX + row * C;
                float m = mean[row], r = rstd[row];
                TVector ms = TWidth.Create(m), rs = TWidth.Create(r);
                int c = 0;

                // With g = dY * weight:  dX = rstd * (g - <g> - xhat * <g * xhat>),  <.> the mean over C.
                TVector gs = TWidth.Create(0f), gxs = TWidth.Create(0f);
                for (; c + lanes <= C; c += lanes)
                {
                    TVector g = TWidth.Multiply(TWidth.Load(d + c), TWidth.Load(weight + c));
                    TVector xhat = TWidth.Multiply(TWidth.Subtract(TWidth.Load(from + c), ms), rs);
                    gs = TWidth.Add(gs, g);
                    gxs = TWidth.MultiplyAdd(g, xhat, gxs);
                }
                float meanG = TWidth.Sum(gs), meanGx = TWidth.Sum(gxs);
                for (; c < C; c++)
                {
                    meanG += d[c] * weight[c];
                    meanGx += d[c] * weight[c] * ((from[c] - m) * r);
                }
                meanG /= C;
                meanGx /= C;

                TVector meanGs = TWidth.Create(meanG), meanGxs = TWidth.Create(meanGx);
                for (c = 0; c + lanes <= C; c += lanes)
                {
                    TVector g = TWidth.Multiply(TWidth.Load(d + c), TWidth.Load(weight + c));
                    TVector xhat = TWidth.Multiply(TWidth.Subtract(TWidth.Load(from + c), ms), rs);
                    TVector inner = TWidth.Subtract(TWidth.Subtract(g, meanGs),
                        TWidth.Multiply(xhat, meanGxs));
                    TWidth.Store(TWidth.MultiplyAdd(rs, inner, TWidth.Load(to + c)), to + c);
                }
                for (; c < C; c++)
                    to[c] += r * (d[c] * weight[c] - meanG - (from[c] - m) * r * meanGx);
            }
        }
    }

    readonly struct BackwardColumns(
        float* x, float* mean, float* rstd, float* dY, float* dWeight, float* dBias, int rows, int C)
            : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            long c = first;
            // Two vectors side by side: four chains of additions, or each waits for the one before.
            for (; c + 2 * lanes <= end; c += 2 * lanes)
            {
                TVector zero = TWidth.Create(0f);
                TVector w0 = zero, w1 = zero, b0 = zero, b1 = zero;
                for (int row = 0; row < rows; row++)
                {
                    long i = (long)row * C + c;
                    TVector m = TWidth.Create(mean[row]), r = TWidth.Create(rstd[row]);
                    Add<TWidth, TVector>(i, m, r, ref w0, ref b0);
                    Add<TWidth, TVector>(i + lanes, m, r, ref w1, ref b1);
                }
                Store<TWidth, TVector>(c, w0, b0);
                Store<TWidth, TVector>(c + lanes, w1, b1);
            }
            for (; c + lanes <= end; c += lanes)
            {
                TVector w = TWidth.Create(0f), b = TWidth.Create(0f);
                for (int row = 0; row < rows; row++)
                    Add<TWidth, TVector>((long)row * C + c,
                        TWidth.Create(mean[row]), TWidth.Create(rstd[row]), ref w, ref b);
                Store<TWidth, TVector>(c, w, b);
            }
            for (; c < end; c++)
            {
                float w = 0f, b = 0f;
                for (int row = 0; row < rows; row++)
                {
                    long i = (long)row * C + c;
                    w += dY[i] * ((x[i] - mean[row]) * rstd[row]);
                    b += dY[i];
                }
                dWeight[c] += w;
                dBias[c] += b;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void Add<TWidth, TVector>(long i, TVector mean, TVector rstd, ref TVector w, ref TVector b)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector g = TWidth.Load(dY + i);
            TVector xhat = TWidth.Multiply(TWidth.Subtract(TWidth.Load(x + i), mean), rstd);
            w = TWidth.MultiplyAdd(g, xhat, w);
            b = TWidth.Add(b, g);
        }

        void Store<TWidth, TVector>(long c, TVector w, TVector b)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TWidth.Store(TWidth.Add(TWidth.Load(dWeight + c), w), dWeight + c);
            TWidth.Store(TWidth.Add(TWidth.Load(dBias + c), b), dBias + c);
        }
    }
}
