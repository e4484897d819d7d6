// AdamW on the host: 28 bytes a weight, read and written once.

namespace HeadTap.Kernels;

/// <summary>AdamW on the host; formula as in <see cref="AdamWKernels"/>.</summary>
public static unsafe class AdamWHost
{
    const int WeightsPerItem = 16384;

    /// <summary>Updates weight, m and v in place.</summary>
    public static void Update(
        float* gradient, float* weight, float* m, float* v, long length, in AdamWScalars s)
        => HostSimd.Ranges(length, WeightsPerItem, new Weights(gradient, weight, m, v, s));

    readonly struct Weights(float* gradient, float* weight, float* m, float* v, AdamWScalars s) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int lanes = TWidth.Lanes;
            TVector scale = TWidth.Create(s.GradientScale), keep = TWidth.Create(s.Keep);
            TVector beta1 = TWidth.Create(s.Beta1), gain1 = TWidth.Create(s.Gain1);
            TVector beta2 = TWidth.Create(s.Beta2), gain2 = TWidth.Create(s.Gain2);
            TVector step = TWidth.Create(s.StepSize), root = TWidth.Create(s.RootScale);
            TVector epsilon = TWidth.Create(s.Epsilon);
            long i = first;
            for (; i + lanes <= end; i += lanes)
            {
                TVector g = TWidth.Multiply(TWidth.Load(gradient + i), scale);
                TVector a = TWidth.MultiplyAdd(beta1, TWidth.Load(m + i), TWidth.Multiply(gain1, g));
                TVector b = TWidth.MultiplyAdd(
                    beta2, TWidth.Load(v + i), TWidth.Multiply(TWidth.Multiply(gain2, g), g));
                TWidth.Store(a, m + i);
                TWidth.Store(b, v + i);
                TVector change = TWidth.Divide(
                    TWidth.Multiply(step, a), TWidth.MultiplyAdd(TWidth.Sqrt(b), root, epsilon));
                TWidth.Store(
                    TWidth.Subtract(TWidth.Multiply(TWidth.Load(weight + i), keep), change), weight + i);
            }
            for (; i < end; i++)
            {
                float g = gradient[i] * s.GradientScale;
                float a = s.Beta1 * m[i] + s.Gain1 * g;
                float b = s.Beta2 * v[i] + s.Gain2 * g * g;
                m[i] = a;
                v[i] = b;
                weight[i] = weight[i] * s.Keep - s.StepSize * a / (MathF.Sqrt(b) * s.RootScale + s.Epsilon);
            }
        }
    }
}
