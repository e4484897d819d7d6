// ScaleRowsKernels on the host: rows are shared among the threads.

namespace HeadTap.Kernels;

/// <summary>Rows times factors on the host; formula and shapes as in
/// <see cref="ScaleRowsKernels"/>.</summary>
public static unsafe class ScaleRowsHost
{
    /// <summary>Multiplies the rows of x by factors, in place.</summary>
    public static void Scale(float* factors, float* x, int rows, int n)
        => HostSimd.Ranges(rows, Math.Max(1, HostMap.Grain / Math.Max(n, 1)), new Rows(factors, x, n));

    readonly struct Rows(float* factors, float* x, int n) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long row = first; row < end; row++)
                if (factors[row] == 0f)
                    new Span<float>(x + row * n, n).Clear();
                else
                    HostRows.Scale<TWidth, TVector>(factors[row], x + row * n, n);
        }
    }
}
