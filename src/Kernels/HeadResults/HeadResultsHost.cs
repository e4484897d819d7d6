// The sum of per-head results on the host; formula and shapes as in HeadResultsKernels.

namespace HeadTap.Kernels;

/// <summary>The sum of per-head results on the host.</summary>
public static unsafe class HeadResultsHost
{
    const int RowsPerItem = 8;

    /// <summary>Writes attnOut.</summary>
    public static void Sum(float* result, float* bias, float* attnOut, int rows, int H, int C)
        => HostSimd.Ranges(rows, RowsPerItem, new SumRows(result, bias, attnOut, H, C));

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
}
