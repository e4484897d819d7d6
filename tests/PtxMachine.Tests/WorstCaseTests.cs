namespace HeadTap.PtxMachine.Tests;

/// <summary>The mode in which approximate instructions err as much as they may.</summary>
public sealed class WorstCaseTests
{
    static readonly float[] _arguments = [.. Enumerable.Range(0, 32).Select(i => 0.37f + i * 0.41f)];

    [TestCase("ex2.approx.f32", 22)]
    [TestCase("rcp.approx.f32", 23)]
    [TestCase("sqrt.approx.f32", 23)]
    [TestCase("tanh.approx.f32", 11)]
    public void Results_are_off_by_the_documented_part(string opcode, int bits)
    {
        uint[] exact = Run(opcode, worst: false, seed: 0), worst = Run(opcode, worst: true, seed: 0);
        double part = Math.Pow(2, -bits), round = Math.Pow(2, -23.5);
        int above = 0, below = 0;
        for (int i = 0; i < 32; i++)
        {
            double e = BitConverter.UInt32BitsToSingle(exact[i]),
                w = BitConverter.UInt32BitsToSingle(worst[i]);
            double off = (w - e) / e;
            Assert.That(Math.Abs(off),
                Is.LessThanOrEqualTo(part + 2 * round).And.GreaterThan(part - 2 * round));
            above += off > 0 ? 1 : 0;
            below += off < 0 ? 1 : 0;
        }
        Assert.That(above, Is.GreaterThan(4));
        Assert.That(below, Is.GreaterThan(4));
    }

    [Test]
    public void The_seed_chooses_the_signs_and_nothing_else_does()
    {
        Assert.That(Run("ex2.approx.f32", true, 1), Is.EqualTo(Run("ex2.approx.f32", true, 1)));
        Assert.That(Run("ex2.approx.f32", true, 1), Is.Not.EqualTo(Run("ex2.approx.f32", true, 2)));
        Assert.That(Run("sqrt.rn.f32", true, 1), Is.EqualTo(Run("sqrt.rn.f32", false, 1)));
    }

    static uint[] Run(string opcode, bool worst, int seed)
    {
        using TestKernel kernel = new(new() { Threads = 1, WorstCase = worst, Seed = seed });
        nint result = kernel.Upload(new uint[32]), input = kernel.Upload(_arguments);
        kernel.Launch(TestKernel.Text($"""
            ld.global.f32 %w1, [%rb]; {opcode} %w0, %w1; st.global.f32 [%ra], %w0;
            """, 2), new(1), new(32), result, input);
        return TestKernel.Download<uint>(result, 32);
    }
}
