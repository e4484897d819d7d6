using System.Runtime.CompilerServices;

namespace HeadTap.Kernels;

/// <summary>A <see cref="SoftmaxRow"/> on the host, with the sum in float64.</summary>
readonly unsafe struct SoftmaxRowHost(float max, double sum)
{
    /// <summary>Floats that stay in the nearest cache from the search for their maximum to the sum.</summary>
    internal const int BlockLength = 1024;

    /// <summary>Largest element; NaN if any is NaN.</summary>
    public float Max { get; } = max;

    /// <summary>Sum of exp(x - Max); 0 when every element is -infinity.</summary>
    public double Sum { get; } = sum;

    /// <summary>One pass over x from memory, one exponential an element.</summary>
    internal static SoftmaxRowHost Of<TWidth, TVector>(float* x, int V)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        float max = float.NegativeInfinity;
        double sum = 0;
        for (int start = 0; start < V; start += BlockLength)
        {
            int length = Math.Min(BlockLength, V - start);
            float blockMax = HostSums.Max<TWidth, TVector>(x + start, length);
            if (blockMax == float.NegativeInfinity)
                continue; // weighs nothing, and exp(-inf - -inf) would be NaN
            if (!(blockMax <= max)) // a NaN becomes the maximum and makes everything NaN
            {
                sum = sum == 0 ? 0 : sum * Math.Exp((double)max - blockMax);
                max = blockMax;
            }
            sum += SumOfExponentials<TWidth, TVector>(x + start, length, max);
        }
        return new SoftmaxRowHost(max, sum);
    }

    /// <summary>Writes <c>exp(x - max) * factor</c>; to may be x.</summary>
    internal static void Scaled<TWidth, TVector>(float* x, float* to, int length, float max, float factor)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector maxes = TWidth.Create(max), factors = TWidth.Create(factor);
        int v = 0;
        for (; v + lanes <= length; v += lanes)
        {
            TVector e = HostSimd.Exp<TWidth, TVector>(TWidth.Subtract(TWidth.Load(x + v), maxes));
            TWidth.Store(TWidth.Multiply(e, factors), to + v);
        }
        for (; v < length; v++)
            to[v] = MathF.Exp(x[v] - max) * factor;
    }

    static float SumOfExponentials<TWidth, TVector>(float* x, int length, float max)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        int lanes = TWidth.Lanes;
        TVector maxes = TWidth.Create(max);
        TVector sums = TWidth.Create(0f), sums2 = TWidth.Create(0f);
        int v = 0;
        for (; v + 2 * lanes <= length; v += 2 * lanes)
        {
            sums = TWidth.Add(sums,
                HostSimd.Exp<TWidth, TVector>(TWidth.Subtract(TWidth.Load(x + v), maxes)));
            sums2 = TWidth.Add(sums2,
                HostSimd.Exp<TWidth, TVector>(TWidth.Subtract(TWidth.Load(x + v + lanes), maxes)));
        }
        float sum = TWidth.Sum(TWidth.Add(sums, sums2));
        for (; v < length; v++)
            sum += MathF.Exp(x[v] - max);
        return sum;
    }

    /// <summary>exp(x) for one value, as <see cref="HostSimd.Exp"/> computes it in a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Exp<TWidth, TVector>(float x)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
        => TWidth.MaxLane(HostSimd.Exp<TWidth, TVector>(TWidth.Create(x)));
}
