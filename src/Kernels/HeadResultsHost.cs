// Per-head results on the host; formulas and shapes as in HeadResultsKernels.

namespace HeadTap.Kernels;

/// <summary>Per-head results, their sum, and the gradients, on the host.</summary>
public static unsafe class HeadResultsHost
{
    const int RowsPerItem = 8;

    /// <summary>Writes result.</summary>
    public static void Forward(float* z, float* weight, float* result, int rows, int H, int D)
        => HostSimd.Ranges((long)rows * H, RowsPerItem, new ForwardRows(z, weight, result, H, D));

    /// <summary>Writes attnOut.</summary>
    public static void Sum(float* result, float* bias, float* attnOut, int rows, int H, int C)
        => HostSimd.Ranges(rows, RowsPerItem, new SumRows(result, bias, attnOut, H, C));

    /// <summary>Writes dZ.</summary>
    public static void BackwardInput(float* dResult, float* weight, float* dZ, int rows, int H, int D)
        => HostSimd.Ranges(rows, RowsPerItem, new BackwardInputRows(dResult, weight, dZ, H, D));

    /// <summary>Adds into dWeight, rows in order.</summary>
    public static void BackwardWeight(float* dResult, float* z, float* dWeight, int rows, int H, int D)
        => HostSimd.Ranges((long)H * D, 8, new BackwardWeightRows(dResult, z, dWeight, rows, H, D));

    readonly struct ForwardRows(float* z, float* weight, float* result, int H, int D) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int C = H * D;
            for (long item = first; item < end; item++)
            {
                int head = (int)(item % H);
                float* to = result + item * C;
                new Span<float>(to, C).Clear();
                for (int d = 0; d < D; d++)
                    HostRows.AddScaled<TWidth, TVector>(
                        z[item * D + d], weight + (long)(head * D + d) * C, to, C);
            }
        }
    }

    readonly struct SumRows(float* result, float* bias, float* attnOut, int H, int C) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            for (long row = first; row < end; row++)
            {
                float* from = result + row * H * C;
                float* to = attnOut + row * C;
                int c = 0;
                for (; c + lanes <= C; c += lanes)
                {
                    TVector sum = TWidth.Load(from + c);
                    for (int h = 1; h < H; h++)
                        sum = TWidth.Add(sum, TWidth.Load(from + (long)h * C + c));
                    TWidth.Store(TWidth.Add(sum, TWidth.Load(bias + c)), to + c);
                }
                for (; c < C; c++)
                {
                    float sum = from[c];
                    for (int h = 1; h < H; h++)
                        sum += from[(long)h * C + c];
                    to[c] = sum + bias[c];
                }
            }
        }
    }

    readonly struct BackwardInputRows(float* dResult, float* weight, float* dZ, int H, int D) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int C = H * D;
            for (int c = 0; c < C; c++) // one row of weight serves all rows of the item
                for (long row = first; row < end; row++)
                    dZ[row * C + c] = HostRows.Dot<TWidth, TVector>(
                        dResult + (row * H + c / D) * C, weight + (long)c * C, C);
        }
    }

    readonly struct BackwardWeightRows(float* dResult, float* z, float* dWeight, int rows, int H, int D) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int C = H * D;
            float* sum = HostScratch.Floats(0, C);
            for (long input = first; input < end; input++)
            {
                new Span<float>(sum, C).Clear();
                for (long row = 0; row < rows; row++)
                    HostRows.AddScaled<TWidth, TVector>(
                        z[row * C + input], dResult + (row * H + input / D) * C, sum, C);
                HostRows.AddScaled<TWidth, TVector>(1f, sum, dWeight + input * C, C);
            }
        }
    }
}
