// ActivationKernels on the host, as maps over vectors (HostMap); the same formulas term by term.

using System.Runtime.CompilerServices;

namespace HeadTap.Kernels;

/// <summary>Activations on the host; formulas as in <see cref="ActivationKernels"/>.</summary>
public static unsafe class ActivationHost
{
    /// <summary>Writes y = x / (1 + e^(-2u)).</summary>
    public static void GeluTanh(float* x, float* y, long length)
        => HostMap.Run(x, y, length, default(TanhForm));

    /// <summary>Writes dX = dY (s + x s (1 - s) 2u').</summary>
    public static void GeluTanhBackward(float* x, float* dY, float* dX, long length)
        => HostMap.Run(x, dY, dX, length, default(TanhFormSlope));

    /// <summary>Writes y = x Phi(x).</summary>
    public static void GeluExact(float* x, float* y, long length)
        => HostMap.Run(x, y, length, default(ExactForm));

    /// <summary>Writes dX = dY (Phi(x) + x e^(-x^2/2) / sqrt(2 pi)).</summary>
    public static void GeluExactBackward(float* x, float* dY, float* dX, long length)
        => HostMap.Run(x, dY, dX, length, default(ExactFormSlope));

    /// <summary>Writes y = max(x, 0); NaN stays NaN.</summary>
    public static void Relu(float* x, float* y, long length) => HostMap.Run(x, y, length, default(Positive));

    /// <summary>Writes dX = dY where x is positive, else 0.</summary>
    public static void ReluBackward(float* x, float* dY, float* dX, long length)
        => HostMap.Run(x, dY, dX, length, default(WherePositive));

    /// <summary>x / (1 + e^(-2u))</summary>
    internal readonly struct TanhForm : IHostMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of<TWidth, TVector>(TVector x)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            // e^(-2u) = 2^(x (c + c * 0.044715 x^2)): the constant takes log2 e with it.
            const float c = -2f * DeviceMath.Sqrt2OverPi * DeviceMath.Log2E;
            TVector factor = TWidth.MultiplyAdd(
                TWidth.Multiply(x, x), TWidth.Create(c * DeviceMath.GeluCubic), TWidth.Create(c));
            TVector e = HostSimd.Exp2<TWidth, TVector>(TWidth.Multiply(x, factor));
            return TWidth.Divide(x, TWidth.Add(TWidth.Create(1f), e));
        }
    }

    /// <summary>dY (s + x s (1 - s) 2u')</summary>
    internal readonly struct TanhFormSlope : IHostMap2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of<TWidth, TVector>(TVector a, TVector dY)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            const float c = 2f * DeviceMath.Sqrt2OverPi, cubic = DeviceMath.GeluCubic;
            const float cOfTwo = c * DeviceMath.Log2E; // e^(-2|u|) = 2^(-|2u log2 e|)
            TVector one = TWidth.Create(1f), zero = TWidth.Create(0f);
            // The bound of 12, and s (1 - s) = e r^2: see ActivationKernels.GeluTanhBackward.
            TVector x = TWidth.Clamp(a, TWidth.Create(-12f), TWidth.Create(12f));
            TVector square = TWidth.Multiply(x, x);
            TVector exponent = TWidth.Multiply(
                x, TWidth.MultiplyAdd(square, TWidth.Create(cOfTwo * cubic), TWidth.Create(cOfTwo)));
            TVector twoSlope = TWidth.MultiplyAdd(square, TWidth.Create(3f * c * cubic), TWidth.Create(c));
            TVector e = HostSimd.Exp2<TWidth, TVector>(TWidth.Subtract(zero, TWidth.Abs(exponent)));
            TVector r = TWidth.Divide(one, TWidth.Add(one, e));
            TVector er = TWidth.Multiply(e, r);
            TVector s = TWidth.IfLess(x, zero, er, r);
            TVector slope = TWidth.MultiplyAdd(TWidth.Multiply(x, twoSlope), TWidth.Multiply(er, r), s);
            return TWidth.Multiply(dY, slope);
        }
    }

    /// <summary>x Phi(x)</summary>
    internal readonly struct ExactForm : IHostMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of<TWidth, TVector>(TVector x)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.Multiply(x, NormalBelow<TWidth, TVector>(x, Density<TWidth, TVector>(x)));
    }

    /// <summary>dY (Phi(x) + x e^(-x^2/2) / sqrt(2 pi))</summary>
    internal readonly struct ExactFormSlope : IHostMap2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of<TWidth, TVector>(TVector x, TVector dY)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector density = Density<TWidth, TVector>(x);
            TVector rise = TWidth.Multiply(x, TWidth.Create(DeviceMath.InverseSqrt2Pi));
            return TWidth.Multiply(
                dY, TWidth.MultiplyAdd(rise, density, NormalBelow<TWidth, TVector>(x, density)));
        }
    }

    /// <summary>max(x, 0)</summary>
    internal readonly struct Positive : IHostMap
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of<TWidth, TVector>(TVector x)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.IfLess(x, TWidth.Create(0f), TWidth.Create(0f), x);
    }

    /// <summary>dY where x is positive</summary>
    internal readonly struct WherePositive : IHostMap2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Of<TWidth, TVector>(TVector x, TVector dY)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.IfLess(x, TWidth.Create(float.Epsilon), TWidth.Create(0f), dY); // x <= 0; NaN is not
    }

    /// <summary>e^(-x^2/2); through Exp2, rounding x^2 log2 e would cost twenty ulp at -10.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector Density<TWidth, TVector>(TVector x)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
        => HostSimd.Exp<TWidth, TVector>(TWidth.Multiply(TWidth.Multiply(x, TWidth.Create(-0.5f)), x));

    /// <summary>Phi(x), as <see cref="DeviceMath.NormalBelow"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector NormalBelow<TWidth, TVector>(TVector x, TVector density)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        TVector one = TWidth.Create(1f);
        TVector z = TWidth.Clamp(TWidth.Abs(x), TWidth.Create(0f), TWidth.Create(DeviceMath.TailEnd));
        TVector inverse = TWidth.Divide(one, TWidth.Add(z, TWidth.Create(DeviceMath.TailScale)));
        TVector q = TWidth.MultiplyAdd(inverse, TWidth.Create(-2f * DeviceMath.TailScale), one);
        TVector p = TWidth.Create(DeviceMath.Tail11);
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail10));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail9));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail8));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail7));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail6));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail5));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail4));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail3));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail2));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail1));
        p = TWidth.MultiplyAdd(p, q, TWidth.Create(DeviceMath.Tail0));
        TVector tail = TWidth.Multiply(TWidth.Multiply(p, inverse), density);
        return TWidth.IfLess(x, TWidth.Create(0f), tail, TWidth.Subtract(one, tail));
    }
}
