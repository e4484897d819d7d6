namespace HeadTap.Kernels;

/// <summary>
/// Sums and maxima of contiguous floats, for host bodies. The order of adding depends on the width alone.
/// </summary>
static unsafe class HostSums
{
    // Floats summed in float32 before the sum goes into a double: at most 64 additions a lane.
    const int FloatRun = 1024;

    /// <summary>Largest element; NaN if any is NaN; -infinity for none.</summary>
    internal static float Max<TWidth, TVector>(float* x, int length)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        float max = float.NegativeInfinity;
        int i = 0;
        if (length >= lanes)
        {
            TVector a = TWidth.Load(x), b = a;
            for (i = lanes; i + 2 * lanes <= length; i += 2 * lanes)
            {
                a = TWidth.Max(a, TWidth.Load(x + i));
                b = TWidth.Max(b, TWidth.Load(x + i + lanes));
            }
            max = TWidth.MaxLane(TWidth.Max(a, b));
        }
        for (; i < length; i++)
            max = MathF.Max(max, x[i]);
        return max;
    }

    /// <summary>Largest magnitude; NaN if any is NaN; 0 for none.</summary>
    internal static float MaxAbs<TWidth, TVector>(float* x, int length)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector a = TWidth.Create(0f);
        int i = 0;
        for (; i + lanes <= length; i += lanes)
            a = TWidth.Max(a, TWidth.Abs(TWidth.Load(x + i)));
        float max = TWidth.MaxLane(a);
        for (; i < length; i++)
            max = MathF.Max(max, MathF.Abs(x[i]));
        return max;
    }

    /// <summary>Sum of x.</summary>
    internal static double Sum<TWidth, TVector>(float* x, long length)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        double total = 0;
        for (long start = 0; start < length; start += FloatRun)
        {
            long end = Math.Min(length, start + FloatRun);
            TVector a = TWidth.Create(0f), b = a, c = a, d = a;
            long i = start;
            for (; i + 4 * lanes <= end; i += 4 * lanes)
            {
                a = TWidth.Add(a, TWidth.Load(x + i));
                b = TWidth.Add(b, TWidth.Load(x + i + lanes));
                c = TWidth.Add(c, TWidth.Load(x + i + 2 * lanes));
                d = TWidth.Add(d, TWidth.Load(x + i + 3 * lanes));
            }
            total += TWidth.Sum(TWidth.Add(TWidth.Add(a, b), TWidth.Add(c, d)));
            for (; i < end; i++)
                total += x[i];
        }
        return total;
    }

    /// <summary>Sum of a * scale * b * scale.</summary>
    internal static double Dot<TWidth, TVector>(float* a, float* b, long length, float scale)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector scales = TWidth.Create(scale);
        double total = 0;
        for (long start = 0; start < length; start += FloatRun)
        {
            long end = Math.Min(length, start + FloatRun);
            TVector even = TWidth.Create(0f), odd = even;
            long i = start;
            for (; i + 2 * lanes <= end; i += 2 * lanes)
            {
                even = TWidth.MultiplyAdd(TWidth.Multiply(TWidth.Load(a + i), scales),
                    TWidth.Multiply(TWidth.Load(b + i), scales), even);
                odd = TWidth.MultiplyAdd(TWidth.Multiply(TWidth.Load(a + i + lanes), scales),
                    TWidth.Multiply(TWidth.Load(b + i + lanes), scales), odd);
            }
            total += TWidth.Sum(TWidth.Add(even, odd));
            for (; i < end; i++)
                total += (double)(a[i] * scale) * (b[i] * scale);
        }
        return total;
    }
}
