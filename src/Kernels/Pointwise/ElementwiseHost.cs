// ElementwiseKernels on the host: each op is a map over vectors (HostMap), in the kernels' argument order
// plus the length that a kernel takes from its views.

namespace HeadTap.Kernels;

/// <summary>Element by element on the host; formulas as in <see cref="ElementwiseKernels"/>.</summary>
public static unsafe class ElementwiseHost
{
    /// <summary>Writes y = a + b.</summary>
    public static void Add(float* a, float* b, float* y, long length)
        => HostMap.Run(a, b, y, length, default(Plus));

    /// <summary>Writes y = a * b.</summary>
    public static void Multiply(float* a, float* b, float* y, long length)
        => HostMap.Run(a, b, y, length, default(Times));

    /// <summary>Adds alpha * x into y.</summary>
    public static void Axpy(float* x, float* y, long length, float alpha)
        => HostMap.Run(x, y, y, length, new PlusScaled(alpha));

    /// <summary>Multiplies x by factor, in place.</summary>
    public static void Scale(float* x, long length, float factor)
        => HostMap.Run(x, x, length, new Scaled(factor));

    /// <summary>Writes value everywhere.</summary>
    public static void Fill(float* x, long length, float value)
        => HostThreads.Ranges(length, HostMap.Grain, (first, end)
            => new Span<float>(x + first, (int)(end - first)).Fill(value));

    /// <summary>Writes destination = source; the two must not overlap.</summary>
    public static void Copy(float* source, float* destination, long length)
        => HostThreads.Ranges(length, HostMap.Grain, (first, end)
            => CopyRow(source + first, destination + first, end - first));

    /// <summary>Writes source where mask != 0 and leaves the rest of destination alone.</summary>
    public static void MaskedCopy(float* source, float* mask, float* destination, long length)
        => HostSimd.Ranges(length, HostMap.Grain, new Masked(source, mask, destination));

    /// <summary>Copies on the calling thread.</summary>
    internal static void CopyRow(float* source, float* destination, long length)
        => Buffer.MemoryCopy(source, destination, length * sizeof(float), length * sizeof(float));

    /// <summary>a + b</summary>
    internal readonly struct Plus : IHostMap2
    {
        public TVector Of<TWidth, TVector>(TVector a, TVector b)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.Add(a, b);
    }

    /// <summary>b + alpha a</summary>
    internal readonly struct PlusScaled(float alpha) : IHostMap2
    {
        public TVector Of<TWidth, TVector>(TVector a, TVector b)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.MultiplyAdd(TWidth.Create(alpha), a, b);
    }

    /// <summary>factor x</summary>
    internal readonly struct Scaled(float factor) : IHostMap
    {
        public TVector Of<TWidth, TVector>(TVector x)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.Multiply(x, TWidth.Create(factor));
    }

    readonly struct Times : IHostMap2
    {
        public TVector Of<TWidth, TVector>(TVector a, TVector b)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.Multiply(a, b);
    }

    readonly struct Masked(float* source, float* mask, float* destination) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            long i = first;
            // |mask| below the smallest float is zero; NaN compares false and so counts as set, as != does.
            TVector smallest = TWidth.Create(float.Epsilon);
            for (; i + lanes <= end; i += lanes)
                TWidth.Store(TWidth.IfLess(TWidth.Abs(TWidth.Load(mask + i)), smallest,
                    TWidth.Load(destination + i), TWidth.Load(source + i)), destination + i);
            for (; i < end; i++)
                if (mask[i] != 0f)
                    destination[i] = source[i];
        }
    }
}
