// AdamW on the host: 28 bytes a weight, read and written once.
//
// What is left of a vector goes through a padded copy: every weight takes the same instructions, so its
// bits do not depend on where it lies, and an optimiser may step through several parameters at once.

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
            int rest = (int)((end - first) % TWidth.Lanes);
            Vectors<TWidth, TVector>(first, end - rest);
            if (rest == 0)
                return;
            int lanes = TWidth.Lanes;
            long at = end - rest;
            float* last = stackalloc float[4 * lanes];
            new Span<float>(last, 4 * lanes).Clear();
            HostTile.CopyRow(gradient + at, rest, last);
            HostTile.CopyRow(weight + at, rest, last + lanes);
            HostTile.CopyRow(m + at, rest, last + 2 * lanes);
            HostTile.CopyRow(v + at, rest, last + 3 * lanes);
            new Weights(last, last + lanes, last + 2 * lanes, last + 3 * lanes, s)
                .Vectors<TWidth, TVector>(0, lanes);
            HostTile.CopyRow(last + lanes, rest, weight + at);
            HostTile.CopyRow(last + 2 * lanes, rest, m + at);
            HostTile.CopyRow(last + 3 * lanes, rest, v + at);
        }

        // Whole ones.
        void Vectors<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector scale = TWidth.Create(s.GradientScale), keep = TWidth.Create(s.Keep);
            TVector beta1 = TWidth.Create(s.Beta1), gain1 = TWidth.Create(s.Gain1);
            TVector beta2 = TWidth.Create(s.Beta2), gain2 = TWidth.Create(s.Gain2);
            TVector step = TWidth.Create(s.StepSize), root = TWidth.Create(s.RootScale);
            TVector epsilon = TWidth.Create(s.Epsilon);
            for (long i = first; i < end; i += TWidth.Lanes)
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
        }
    }
}
