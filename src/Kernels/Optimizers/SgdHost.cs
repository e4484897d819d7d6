// SGD on the host: every weight takes the same instructions, as in AdamWHost.

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
            int rest = (int)((end - first) % TWidth.Lanes);
            Vectors<TWidth, TVector>(first, end - rest);
            if (rest == 0)
                return;
            int lanes = TWidth.Lanes;
            long at = end - rest;
            float* last = stackalloc float[3 * lanes];
            new Span<float>(last, 3 * lanes).Clear();
            float* lastBuffer = buffer == null ? null : last + 2 * lanes;
            HostTile.CopyRow(gradient + at, rest, last);
            HostTile.CopyRow(weight + at, rest, last + lanes);
            if (buffer != null)
                HostTile.CopyRow(buffer + at, rest, lastBuffer);
            new Weights(last, last + lanes, lastBuffer, s).Vectors<TWidth, TVector>(0, lanes);
            HostTile.CopyRow(last + lanes, rest, weight + at);
            if (buffer != null)
                HostTile.CopyRow(lastBuffer, rest, buffer + at);
        }

        // Whole ones.
        void Vectors<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            for (long i = first; i < end; i += TWidth.Lanes)
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
        }
    }
}
