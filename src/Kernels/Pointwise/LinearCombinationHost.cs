// LinearCombinationKernels on the host: maps over vectors (HostMap), in the kernels' argument order plus the
// length that a kernel takes from its views.

namespace HeadTap.Kernels;

/// <summary>Sums of vectors times factors on the host; formulas as in
/// <see cref="LinearCombinationKernels"/>.</summary>
public static unsafe class LinearCombinationHost
{
    /// <summary>Writes y = a x1 + b x2.</summary>
    public static void Two(float* x1, float* x2, float* y, long length, float a, float b)
        => HostMap.Run(x1, x2, y, length, new SumOfTwo(a, b));

    /// <summary>Writes y = a x1 + b x2 + c x3.</summary>
    public static void Three(
        float* x1, float* x2, float* x3, float* y, long length, float a, float b, float c)
        => HostMap.Run(x1, x2, x3, y, length, new SumOfThree(a, b, c));

    readonly struct SumOfTwo(float a, float b) : IHostMap2
    {
        public TVector Of<TWidth, TVector>(TVector x1, TVector x2)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.MultiplyAdd(TWidth.Create(a), x1, TWidth.Multiply(TWidth.Create(b), x2));
    }

    readonly struct SumOfThree(float a, float b, float c) : IHostMap3
    {
        public TVector Of<TWidth, TVector>(TVector x1, TVector x2, TVector x3)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.MultiplyAdd(TWidth.Create(c), x3,
                TWidth.MultiplyAdd(TWidth.Create(a), x1, TWidth.Multiply(TWidth.Create(b), x2)));
    }
}
