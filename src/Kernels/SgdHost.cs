// SGD on the host.

namespace HeadTap.Kernels;

/// <summary>SGD on the host; formula as in <see cref="SgdKernels"/>.</summary>
public static unsafe class SgdHost
{
    const int WeightsPerItem = 16384;

    /// <summary>Updates weight and, unless it is null (no momentum), buffer in place.</summary>
    public static void Update(float* gradient, float* weight, float* buffer, long length, in SgdScalars s)
        => HostSimd.Ranges(length, WeightsPerItem, new Weights(gradient, weight, buffer, s));

    readonly struct Weights(float* gradient, float* weight, float* buffer, SgdScalars s) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            long i = first;
            for (; i + lanes <= end; i += lanes)
            {
                TVector w = TWidth.Load(weight + i);
                TVector g = TWidth.MultiplyAdd(TWidth.Create(s.WeightDecay), w,
                    TWidth.Multiply(TWidth.Load(gradient + i), TWidth.Create(s.GradientScale)));
                TVector change = g;
                if (buffer != null)
                {
                    TVector b = TWidth.Multiply(TWidth.Create(s.Gain), g);
                    if (s.Carry != 0f) // a fresh buffer may hold anything: 0 * NaN is NaN
                        b = TWidth.MultiplyAdd(TWidth.Create(s.Carry), TWidth.Load(buffer + i), b);
                    TWidth.Store(b, buffer + i);
                    change = TWidth.MultiplyAdd(TWidth.Create(s.FromGradient), g,
                        TWidth.Multiply(TWidth.Create(s.FromBuffer), b));
                }
                TWidth.Store(TWidth.MultiplyAdd(TWidth.Create(-s.LearningRate), change, w), weight + i);
            }
            for (; i < end; i++)
                One(i);
        }

        void One(long i)
        {
            float g = gradient[i] * s.GradientScale + s.WeightDecay * weight[i];
            float change = g;
            if (buffer != null)
            {
                float b = s.Carry == 0f ? s.Gain * g : s.Carry * buffer[i] + s.Gain * g;
                buffer[i] = b;
                change = s.FromGradient * g + s.FromBuffer * b;
            }
            weight[i] -= s.LearningRate * change;
        }
    }
}
