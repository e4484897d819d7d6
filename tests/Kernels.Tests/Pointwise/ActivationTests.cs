using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class ActivationTests
{
    [Test, Combinatorial]
    public void Huge_values_have_their_limits_and_NaN_stays(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device, [Values] Activation kind)
    {
        float[] x = [1e19f, 1e30f, float.MaxValue, -1e19f, -1e30f, -float.MaxValue, float.NaN];
        (float[] y, float[] dX) = Run(device, kind, x, Ones(x.Length));
        Assert.That(y[..3], Is.EqualTo(x[..3]));
        Assert.That(y[3..6], Is.All.EqualTo(0f));
        Assert.That(y[6], Is.NaN);
        Assert.That(dX[..3], Is.All.EqualTo(1f));
        Assert.That(dX[3..6], Is.All.EqualTo(0f));
        (y, _) = Run(device, kind, [float.PositiveInfinity], [1f]);
        Assert.That(y[0], Is.EqualTo(float.PositiveInfinity));
    }

    [Test, Combinatorial]
    public void Negative_values_keep_their_digits(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values(Activation.GeluTanh, Activation.GeluExact)] Activation kind)
    {
        // 1 + tanh and 1 + erf have none left below -5.
        float[] x = [.. Enumerable.Range(1, 160).Select(i => i * -0.05f)];
        (float[] y, _) = Run(device, kind, x, Ones(x.Length));
        for (int i = 0; i < x.Length; i++)
        {
            double v = x[i], exact = Exact(kind).F(v);
            double exponent = kind == Activation.GeluExact
                ? v * v / 2 : -2 * Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v);
            // Up to four roundings move the exponent by 2^-24 of itself each; ten more happen outside of it.
            double allowed = (4 * exponent + 10) * Math.Pow(2, -24) * Math.Abs(exact);
            Assert.That(Math.Abs(y[i] - exact) <= allowed, Is.True,
                $"{kind}({v:R}) = {y[i]:R}, exact {exact:R}");
        }
    }

    [Test]
    public void The_oracle_knows_erf()
    {
        // The values of the C library's erf and erfc.
        Assert.That(NormalReference.Erf(0.5), Is.EqualTo(0.5204998778130465).Within(8).Ulps);
        Assert.That(NormalReference.Erf(-1.0), Is.EqualTo(-0.8427007929497149).Within(8).Ulps);
        Assert.That(NormalReference.Erf(2.0), Is.EqualTo(0.9953222650189527).Within(8).Ulps);
        Assert.That(NormalReference.Erfc(3.0), Is.EqualTo(2.2090496998585438e-05).Within(8).Ulps);
        Assert.That(NormalReference.Erfc(5.0), Is.EqualTo(1.5374597944280351e-12).Within(8).Ulps);
    }

    [Test]
    public void The_oracle_slopes_agree_with_finite_differences([Values] Activation kind)
    {
        // Away from 0, where ReLU has no slope.
        double[] x = [-7, -3.1, -1, -0.2, 0.3, 0.9, 2.5, 6, 11];
        (Func<double, double> f, Func<double, double> slope) = Exact(kind);
        double[] slopes = [.. x.Select(slope)];
        Agreement.Differences(kind.ToString(), () => x.Sum(f), x, slopes);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void In_place_gives_the_same_bits(string device)
    {
        float[] x = Normal(1, 517, 0, 3), dY = Normal(2, 517);
        foreach (Activation kind in Enum.GetValues<Activation>())
        {
            (float[] y, float[] dX) = Run(device, kind, x, dY);
            using var arena = new TensorArena(TestDevice.Open(device), 2048);
            var ops = new Ops(arena.Device);
            Tensor input = arena.Upload("x", x, x.Length), d = arena.Upload("dY", dY, x.Length);
            ops.ActivateBackward(input, d, d, kind);
            ops.Activate(input, input, kind);
            Assert.That(d.ToArray(), Is.EqualTo(dX), $"{kind} backward");
            Assert.That(input.ToArray(), Is.EqualTo(y), $"{kind} forward");
        }
    }

    // Three grains and a rest: ranges end inside a vector's lanes, and many threads share them.
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Hosts))]
    public void An_element_does_not_depend_on_its_place_or_the_threads(string device)
    {
        float[] x = Normal(1, 3 * 16384 + 5, 0, 3);
        int threads = HostThreads.Count;
        try
        {
            foreach (Activation kind in Enum.GetValues<Activation>())
            {
                HostThreads.Count = 1;
                (float[] y, float[] dX) = Run(device, kind, x, Ones(x.Length));
                HostThreads.Count = 5;
                (float[] many, float[] dMany) = Run(device, kind, x, Ones(x.Length));
                Assert.That(many.AsSpan().SequenceEqual(y)
                    && dMany.AsSpan().SequenceEqual(dX), Is.True, $"{kind}");
                (float[] end, float[] dEnd) = Run(device, kind, x[^3..], Ones(3));
                Assert.That(end.AsSpan().SequenceEqual(y.AsSpan()[^3..]), Is.True, $"{kind}, alone");
                Assert.That(dEnd.AsSpan().SequenceEqual(dX.AsSpan()[^3..]), Is.True, $"{kind} slope, alone");
            }
        }
        finally
        {
            HostThreads.Count = threads;
        }
    }

    static (float[] Y, float[] DX) Run(string device, Activation kind, float[] x, float[] dY)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 4L * x.Length + 256);
        var ops = new Ops(arena.Device);
        Tensor input = arena.Upload("x", x, x.Length), d = arena.Upload("dY", dY, x.Length);
        Tensor y = arena.Upload("y", Ones(x.Length), x.Length),
            dX = arena.Upload("dX", Ones(x.Length), x.Length);
        ops.Activate(input, y, kind);
        ops.ActivateBackward(input, d, dX, kind);
        return (y.ToArray(), dX.ToArray());
    }

    static (Func<double, double> F, Func<double, double> Slope) Exact(Activation kind) => kind switch
    {
        Activation.GeluTanh => (ActivationReference.GeluTanh, ActivationReference.GeluTanhSlope),
        Activation.GeluExact => (ActivationReference.GeluExact, ActivationReference.GeluExactSlope),
        _ => (ActivationReference.Relu, ActivationReference.ReluSlope),
    };
}
