using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class ActivationTests
{
    // One value; a prime; one past the block; more than one grain of the host path in one case.
    static readonly int[] Lengths = [1, 7, 129, 517];

    [Test, Combinatorial]
    public void Both_directions_are_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values] Activation kind, [ValueSource(nameof(Lengths))] int length, [Values(1f, 6f)] float deviation)
        => Check(device, kind, Normal(1, length, 0, deviation), Normal(2, length));

    [Test, Combinatorial]
    public void Hostile_values_are_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device, [Values] Activation kind)
    {
        // Each alone, because the yardstick grows with the largest value.
        foreach (float x in (float[])[0f, -0f, 1e-30f, -1e-30f, 1e-4f, -1e-4f, 3f, -3f, 10f, -10f, 12.5f, -12.5f, 50f, -50f])
            Check(device, kind, [x], [1f]);
    }

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
    }

    static void Check(string device, Activation kind, float[] x, float[] dY)
    {
        (Func<double, double> f, Func<double, double> slope) = Exact(kind);
        (Func<float, float> plainF, Func<float, float> plainSlope) = Plain(kind);
        (float[] y, float[] dX) = Run(device, kind, x, dY);
        Agreement.AtMostTwiceFloat32($"{kind}({x[0]:R}...)",
            [.. x.Select(v => f(v))], [.. x.Select(plainF)], y);
        Agreement.AtMostTwiceFloat32($"slope of {kind}({x[0]:R}...)",
            [.. x.Zip(dY, (v, d) => d * slope(v))], [.. x.Zip(dY, (v, d) => d * plainSlope(v))], dX);
    }

    static (float[] Y, float[] DX) Run(string device, Activation kind, float[] x, float[] dY)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 4L * x.Length + 256);
        var ops = new Ops(arena.Device);
        Tensor input = arena.Upload("x", x, x.Length), d = arena.Upload("dY", dY, x.Length);
        Tensor y = arena.Upload("y", Ones(x.Length), x.Length), dX = arena.Upload("dX", Ones(x.Length), x.Length);
        ops.Activate(kind, input, y);
        ops.ActivateBackward(kind, input, d, dX);
        return (y.ToArray(), dX.ToArray());
    }

    static (Func<double, double> F, Func<double, double> Slope) Exact(Activation kind) => kind switch
    {
        Activation.GeluTanh => (ActivationReference.GeluTanh, ActivationReference.GeluTanhSlope),
        Activation.GeluExact => (ActivationReference.GeluExact, ActivationReference.GeluExactSlope),
        _ => (ActivationReference.Relu, ActivationReference.ReluSlope),
    };

    static (Func<float, float> F, Func<float, float> Slope) Plain(Activation kind) => kind switch
    {
        Activation.GeluTanh => (ActivationReference.GeluTanh, ActivationReference.GeluTanhSlope),
        Activation.GeluExact => (ActivationReference.GeluExact, ActivationReference.GeluExactSlope),
        _ => (ActivationReference.Relu, ActivationReference.ReluSlope),
    };
}
