// What each head writes to the residual stream, and the sum of it, on the host.

namespace HeadTap.Kernels;

/// <summary>
/// Products of all heads, and the sum of per-head results, on the host; formulas and shapes as in
/// <see cref="HeadResultsKernels"/>.
/// </summary>
public static unsafe class HeadResultsHost
{
    const int RowsPerItem = 8;

    /// <summary>
    /// Writes y of every head, or adds into it: <see cref="MatMulHost.Product"/>, head after head.
    /// </summary>
    public static void Product(
        float* x, float* weight, float* y, in MatMulShape shape, in HeadSteps steps, int H)
    {
        for (int h = 0; h < H; h++)
            MatMulHost.Product(
                x + h * steps.X, weight + h * steps.Weight, null, y + h * steps.Y, shape);
    }

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
