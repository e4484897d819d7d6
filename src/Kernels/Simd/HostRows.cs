// Row operations that the attention bodies share: short vectors of any length, sums in a fixed order.

using System.Runtime.CompilerServices;

namespace HeadTap.Kernels;

/// <summary>Dot products, scaled sums and softmax of one row on the host.</summary>
static unsafe class HostRows
{
    /// <summary>&lt;a, b&gt; over <paramref name="n"/> floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Dot<TWidth, TVector>(float* a, float* b, long n)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector even = TWidth.Create(0f), odd = TWidth.Create(0f);
        long i = 0;
        for (; i + 2 * lanes <= n; i += 2 * lanes)
        {
            even = TWidth.MultiplyAdd(TWidth.Load(a + i), TWidth.Load(b + i), even);
            odd = TWidth.MultiplyAdd(TWidth.Load(a + i + lanes), TWidth.Load(b + i + lanes), odd);
        }
        for (; i + lanes <= n; i += lanes)
            even = TWidth.MultiplyAdd(TWidth.Load(a + i), TWidth.Load(b + i), even);
        float sum = TWidth.Sum(TWidth.Add(even, odd));
        for (; i < n; i++)
            sum += a[i] * b[i];
        return sum;
    }

    /// <summary>y += alpha * x over <paramref name="n"/> floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void AddScaled<TWidth, TVector>(float alpha, float* x, float* y, long n)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector alphas = TWidth.Create(alpha);
        long i = 0;
        for (; i + lanes <= n; i += lanes)
            TWidth.Store(TWidth.MultiplyAdd(alphas, TWidth.Load(x + i), TWidth.Load(y + i)), y + i);
        for (; i < n; i++)
            y[i] += alpha * x[i];
    }

    /// <summary>x *= factor over <paramref name="n"/> floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Scale<TWidth, TVector>(float factor, float* x, long n)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector factors = TWidth.Create(factor);
        long i = 0;
        for (; i + lanes <= n; i += lanes)
            TWidth.Store(TWidth.Multiply(factors, TWidth.Load(x + i)), x + i);
        for (; i < n; i++)
            x[i] *= factor;
    }

    /// <summary>False where any of <paramref name="n"/> floats is infinite or NaN.</summary>
    internal static bool IsFinite<TWidth, TVector>(float* x, long n)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector zero = TWidth.Create(0f), zeros = zero;
        long i = 0;
        for (; i + lanes <= n; i += lanes)
            zeros = TWidth.MultiplyAdd(TWidth.Load(x + i), zero, zeros);
        float sum = TWidth.Sum(zeros);
        for (; i < n; i++)
            sum += x[i] * 0f;
        return sum == 0f; // 0 * infinity and 0 * NaN are NaN
    }

    /// <summary>Largest of <paramref name="n"/> floats, -infinity for none; NaN if any is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Max<TWidth, TVector>(float* x, long n)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        float max = float.NegativeInfinity;
        long i = 0;
        if (n >= lanes)
        {
            TVector maxima = TWidth.Load(x);
            for (i = lanes; i + lanes <= n; i += lanes)
                maxima = TWidth.Max(maxima, TWidth.Load(x + i));
            max = TWidth.MaxLane(maxima);
        }
        for (; i < n; i++)
            max = MathF.Max(max, x[i]);
        return max;
    }

    /// <summary>Writes y = e^(x - shift) over <paramref name="n"/> floats and returns the sum of y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Exp<TWidth, TVector>(float* x, float shift, float* y, long n)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector shifts = TWidth.Create(shift), sums = TWidth.Create(0f);
        long i = 0;
        for (; i + lanes <= n; i += lanes)
        {
            TVector e = HostSimd.Exp<TWidth, TVector>(TWidth.Subtract(TWidth.Load(x + i), shifts));
            TWidth.Store(e, y + i);
            sums = TWidth.Add(sums, e);
        }
        float sum = TWidth.Sum(sums);
        for (; i < n; i++)
        {
            y[i] = MathF.Exp(x[i] - shift);
            sum += y[i];
        }
        return sum;
    }
}
