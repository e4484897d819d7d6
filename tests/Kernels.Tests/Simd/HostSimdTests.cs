using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class HostSimdTests
{
    static readonly string[] Widths = [.. TestDevice.Hosts];

    // From results that are 0, through subnormal ones, to infinity.
    static readonly float[] Grid =
        [.. Enumerable.Range(-4000, 8001).Select(i => i * 0.04f), .. Normal(1, 999)];

    [TestCaseSource(nameof(Widths))]
    public void Exp_is_within_two_ulp(string width)
        => AssertWithinTwoUlp(Math.Exp, Grid, Apply<Exp>(width, Grid));

    [TestCaseSource(nameof(Widths))]
    public void Exp2_is_within_two_ulp(string width)
        => AssertWithinTwoUlp(x => Math.Pow(2, x), Grid, Apply<Exp2>(width, Grid));

    [TestCaseSource(nameof(Widths))]
    public void Exponentials_have_their_limits(string width)
    {
        float[] x = [0f, float.NegativeInfinity, -1e30f, float.PositiveInfinity, 1e30f, float.NaN];
        float[] limits = [1f, 0f, 0f, float.PositiveInfinity, float.PositiveInfinity, float.NaN];
        Assert.That(Apply<Exp>(width, x), Is.EqualTo(limits));
        Assert.That(Apply<Exp2>(width, x), Is.EqualTo(limits));
    }

    [TestCaseSource(nameof(Widths))]
    public void Clamp_keeps_NaN_and_bounds(string width)
    {
        float[] x = [float.NaN, float.NegativeInfinity, -2f, -0.5f, 0f, 0.25f, 3f, float.PositiveInfinity];
        Assert.That(Apply<WithinOne>(width, x),
            Is.EqualTo((float[])[float.NaN, -1f, -1f, -0.5f, 0f, 0.25f, 1f, 1f]));
    }

    static void AssertWithinTwoUlp(Func<double, double> exact, float[] x, float[] y)
    {
        for (int i = 0; i < x.Length; i++)
        {
            double e = exact(x[i]);
            double ulp = (float)e < float.MaxValue ? MathF.BitIncrement((float)e) - (float)e : 0;
            Assert.That((float)e == y[i] || Math.Abs(y[i] - e) <= 2 * ulp, Is.True,
                $"{x[i]:R}: {y[i]:R}, exact {e:R}");
        }
    }

    static unsafe float[] Apply<TMap>(string width, float[] x) where TMap : struct, IHostMap
    {
        TestDevice.Open(width);
        float[] y = new float[x.Length];
        fixed (float* from = x, to = y)
            HostMap.Run(from, to, x.Length, default(TMap));
        return y;
    }

    readonly struct Exp : IHostMap
    {
        public TVector Of<TWidth, TVector>(TVector x) where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => HostSimd.Exp<TWidth, TVector>(x);
    }

    readonly struct Exp2 : IHostMap
    {
        public TVector Of<TWidth, TVector>(TVector x) where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => HostSimd.Exp2<TWidth, TVector>(x);
    }

    readonly struct WithinOne : IHostMap
    {
        public TVector Of<TWidth, TVector>(TVector x) where TVector : struct
            where TWidth : struct, ISimd<TVector>
            => TWidth.Clamp(x, TWidth.Create(-1f), TWidth.Create(1f));
    }
}
