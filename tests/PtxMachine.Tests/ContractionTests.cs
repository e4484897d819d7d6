namespace HeadTap.PtxMachine.Tests;

/// <summary>The mode in which sums are fused with their products.</summary>
public sealed class ContractionTests
{
    // a a rounded is 1 + 2^-11; exactly it is 2^-24 more, and the difference shows what was rounded.
    const float A = 1f + 1f / 4096, Rounded = 1f + 1f / 2048, Rest = 1f / (1 << 24);

    [TestCase("mul.f32 %w2, %w0, %w0; sub.f32 %w3, %w2, %w1;", Rest)]
    [TestCase("mul.f32 %w2, %w0, %w0; sub.f32 %w3, %w1, %w2;", -Rest)]
    [TestCase("mul.f32 %w2, %w0, %w0; neg.f32 %w4, %w1; add.f32 %w3, %w2, %w4;", Rest)]
    [TestCase("mul.f32 %w2, %w0, %w0; neg.f32 %w4, %w1; add.f32 %w3, %w4, %w2;", Rest)]
    [TestCase("mul.rn.f32 %w2, %w0, %w0; sub.f32 %w3, %w2, %w1;", 0f)]
    [TestCase("mul.f32 %w2, %w0, %w0; sub.rn.f32 %w3, %w2, %w1;", 0f)]
    [TestCase("mul.f32 %w2, %w0, %w0; bar.sync 0; sub.f32 %w3, %w2, %w1;", 0f)]
    [TestCase("mul.f32 %w2, %w0, %w0; mov.f32 %w0, %w1; sub.f32 %w3, %w2, %w1;", 0f)]
    [TestCase("mul.f32 %w2, %w0, %w0; mov.f32 %w2, %w1; sub.f32 %w3, %w2, %w1;", 0f)]
    [TestCase("mul.f32 %w0, %w0, %w0; sub.f32 %w3, %w0, %w1;", 0f)]
    [TestCase("setp.eq.s32 %p0, %t, 99; mul.f32 %w2, %w0, %w0; mov.f32 %w3, %w1; @%p0 sub.f32 %w3, %w2, %w1;",
        Rounded)]
    public void A_sum_is_rounded_once_where_its_product_stands_in_its_block(string body, float expected)
    {
        Assert.That(Run(body, contract: true), Is.EqualTo(expected));
        if (Math.Abs(expected) == Rest)
            Assert.That(Run(body, contract: false), Is.EqualTo(0f));
    }

    [Test]
    public void The_seed_chooses_between_two_products()
    {
        const string body = "mul.f32 %w2, %w0, %w0; mul.f32 %w4, %w1, %w1; sub.f32 %w3, %w2, %w4;";
        float first = MathF.FusedMultiplyAdd(A, A, -(Rounded * Rounded));
        float second = MathF.FusedMultiplyAdd(-Rounded, Rounded, Rounded);
        Assert.That(first, Is.Not.EqualTo(second));
        Assert.That(new[] { Run(body, true, 0), Run(body, true, 1) },
            Is.EquivalentTo(new[] { first, second }));
    }

    static float Run(string body, bool contract, int seed = 0)
    {
        using TestKernel kernel = new(new() { Threads = 1, Contract = contract, Seed = seed });
        nint result = kernel.Upload(new float[32]);
        nint a = kernel.Upload(All(A)), b = kernel.Upload(All(Rounded));
        kernel.Launch(TestKernel.Text($"""
            ld.global.f32 %w0, [%rb]; ld.global.f32 %w1, [%rc]; {body} st.global.f32 [%ra], %w3;
            """, 3), new(1), new(32), result, a, b);
        return TestKernel.Download<float>(result, 32)[7];
    }

    static float[] All(float value) => [.. Enumerable.Repeat(value, 32)];
}
