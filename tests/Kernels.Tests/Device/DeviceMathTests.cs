namespace HeadTap.Kernels.Tests;

/// <summary>The functions of one value that kernels use in place of MathF's.</summary>
public class DeviceMathTests
{
    // A prime step through the bits of all floats: every exponent and sign, some 400,000 values.
    const uint Step = 10007;

    [Test]
    public void Exp_is_within_one_unit_in_the_last_place()
    {
        double worst = 0;
        for (ulong bits = 0; bits <= uint.MaxValue; bits += Step)
        {
            float x = BitConverter.UInt32BitsToSingle((uint)bits);
            worst = Math.Max(worst, UnitsBetween(DeviceMath.Exp(x), Math.Exp(x), x));
        }
        for (float x = -104.5f; x < 89.5f; x += 0.00037f)
            worst = Math.Max(worst, UnitsBetween(DeviceMath.Exp(x), Math.Exp(x), x));
        Assert.That(worst, Is.LessThanOrEqualTo(1));
    }

    [Test]
    public void Log_is_within_one_unit_in_the_last_place()
    {
        double worst = 0;
        for (ulong bits = 0; bits <= uint.MaxValue; bits += Step)
        {
            float x = BitConverter.UInt32BitsToSingle((uint)bits);
            worst = Math.Max(worst, UnitsBetween(DeviceMath.Log(x), Math.Log(x), x));
        }
        for (float x = 0.4f; x < 2.5f; x += 0.0000037f) // about 1 the result is small
            worst = Math.Max(worst, UnitsBetween(DeviceMath.Log(x), Math.Log(x), x));
        Assert.That(worst, Is.LessThanOrEqualTo(1));
    }

    [TestCase(float.NegativeInfinity, 0f)]
    [TestCase(-104f, 0f)]
    [TestCase(-103.9f, float.Epsilon)]
    [TestCase(0f, 1f)]
    [TestCase(-0f, 1f)]
    [TestCase(88.72284f, float.PositiveInfinity)]
    [TestCase(float.MaxValue, float.PositiveInfinity)]
    [TestCase(float.PositiveInfinity, float.PositiveInfinity)]
    [TestCase(float.NaN, float.NaN)]
    public void Exp_at_its_ends(float x, float expected)
        => Assert.That(DeviceMath.Exp(x), Is.EqualTo(expected));

    [TestCase(0f, float.NegativeInfinity)]
    [TestCase(-0f, float.NegativeInfinity)]
    [TestCase(1f, 0f)]
    [TestCase(-1f, float.NaN)]
    [TestCase(float.NegativeInfinity, float.NaN)]
    [TestCase(float.PositiveInfinity, float.PositiveInfinity)]
    [TestCase(float.NaN, float.NaN)]
    public void Log_at_its_ends(float x, float expected)
        => Assert.That(DeviceMath.Log(x), Is.EqualTo(expected));

    // Units in the last place of the exact result between it and ours; infinity where only one is finite.
    static double UnitsBetween(float ours, double exact, float x)
    {
        float rounded = (float)exact;
        if (float.IsNaN(rounded) || float.IsInfinity(rounded) || ours == rounded)
            return ours.Equals(rounded) || ours == rounded ? 0 : BorderOfInfinity(ours, exact);
        double unit = (double)MathF.BitIncrement(MathF.Abs(rounded)) - MathF.Abs(rounded);
        double units = Math.Abs(ours - exact) / unit;
        return double.IsNaN(units) ? throw new AssertionException($"{ours} for {x}") : units;
    }

    // The largest float is one unit from what rounds to infinity.
    static double BorderOfInfinity(float ours, double exact)
        => ours == float.MaxValue && exact < 3.402823669209385e38 * (1 + 6e-8) ? 1 : double.PositiveInfinity;
}
