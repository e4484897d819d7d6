using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadTap.Kernels;

/// <summary>Which vector width host bodies use.</summary>
public static class HostSimd
{
    /// <summary>The widest vectors this processor works on natively: 512, 256 or 128 bits.</summary>
    public static int BestWidth { get; } =
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;

    /// <summary>
    /// Bits in a vector; <see cref="BestWidth"/> unless forced, which tests do to run every width on one
    /// machine (wider vectors than the processor's are emulated, slowly and correctly).
    /// </summary>
    public static int Width
    {
        get;
        set => field = value is 128 or 256 or 512
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "Must be 128, 256 or 512.");
    } = BestWidth;

    /// <summary>
    /// Runs <paramref name="body"/> over [0, <paramref name="length"/>) in ranges of
    /// <paramref name="grain"/>, at the width in force, on all threads. The cuts do not depend on the number
    /// of threads.
    /// </summary>
    public static void Ranges<TBody>(long length, long grain, TBody body) where TBody : struct, IHostBody
    {
        switch (Width)
        {
            case 512: HostThreads.Ranges(length, grain, body.Run<Width512, Vector512<float>>); break;
            case 256: HostThreads.Ranges(length, grain, body.Run<Width256, Vector256<float>>); break;
            default: HostThreads.Ranges(length, grain, body.Run<Width128, Vector128<float>>); break;
        }
    }

    /// <summary>e^x for each lane, within 2 ulp; 0 below -104, infinity above 88.73, NaN for NaN.</summary>
    /// <remarks>
    /// x = n ln2 + r with |r| &lt;= ln2 / 2, and a polynomial of degree 7 in r (Taylor coefficients: on this
    /// interval the next term is below 2^-26). Results may be subnormal.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp<TWidth, TVector>(TVector x)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        // Beyond these the result is exactly 0 or infinity; inside, n is small enough to scale by.
        TVector bounded = TWidth.Clamp(x, TWidth.Create(-104f), TWidth.Create(89f));
        TVector n = TWidth.Round(TWidth.Multiply(bounded, TWidth.Create(1.44269504f)));
        // ln2 in two parts: the first has few bits, so n * part is exact.
        TVector r = TWidth.MultiplyAdd(n, TWidth.Create(-0.693359375f), bounded);
        r = TWidth.MultiplyAdd(n, TWidth.Create(2.12194440e-4f), r);
        TVector p = TWidth.Create(1f / 5040f);
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(1f / 720f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(1f / 120f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(1f / 24f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(1f / 6f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(0.5f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(1f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(1f));
        return TWidth.Scale(p, n);
    }

    /// <summary>2^x for each lane, within 2 ulp; 0 below -150, infinity from 128 on, NaN for NaN.</summary>
    /// <remarks>
    /// Cheaper than <see cref="Exp"/>, whose x has to be parted from a multiple of ln2: here the fraction
    /// r = x - n is exact. The polynomial is our own minimax fit on |r| &lt;= 1/2, relative error 2e-9.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2<TWidth, TVector>(TVector x)
        where TVector : struct
        where TWidth : struct, ISimd<TVector>
    {
        TVector bounded = TWidth.Clamp(x, TWidth.Create(-151f), TWidth.Create(129f));
        TVector n = TWidth.Round(bounded);
        TVector r = TWidth.Subtract(bounded, n);
        TVector p = TWidth.Create(1.5345811e-4f);
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(1.33999309e-3f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(9.61848907e-3f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(5.55032864e-2f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(0.240226462f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(0.693147182f));
        p = TWidth.MultiplyAdd(p, r, TWidth.Create(1f));
        return TWidth.Scale(p, n);
    }
}
