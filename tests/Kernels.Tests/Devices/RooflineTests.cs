using HeadTap.Gpu;

namespace HeadTap.Kernels.Tests;

/// <summary>The arithmetic of the estimate for GPUs (bench/gpu/estimate), on made-up counts.</summary>
public class RooflineTests
{
    // 4 multiprocessors at 1 GHz: 10 float32 lanes, 2 approximations, 100 and 200 multiply-adds, 64 bytes.
    static readonly Card s_card = new("card", "sm_80", 4, 1, 2, 10, 2, 100, 200, 64, 1);

    [Test]
    public void Each_resource_has_its_time_and_the_longest_bounds()
    {
        InstructionMix mix = Mix(("add.f32", 1000), ("ex2.approx.f32", 1000),
            ("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 100),
            ("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 100));
        var times = Roofline.Of(s_card, Work(blocks: 8, mix));
        Assert.Multiple(() =>
        {
            // Two of eight blocks on each multiprocessor.
            Assert.That(times.Fp32, Is.EqualTo(1000 * 32 / 10.0 / 4 * 1e-9).Within(1e-15));
            Assert.That(times.Special, Is.EqualTo(1000 * 32 / 2.0 / 4 * 1e-9).Within(1e-15));
            Assert.That(times.Mma,
                Is.EqualTo(100 * (1024 / 100.0 + 2048 / 200.0) / 4 / 2 * 1e-9).Within(1e-15));
            Assert.That(times.Shared, Is.EqualTo((300 * 128 + 6400) / 64.0 / 4 * 1e-9).Within(1e-15));
            Assert.That(times.Memory, Is.EqualTo(3e-6).Within(1e-15));
            Assert.That((times.Bound, times.Total), Is.EqualTo(("special", times.Special)));
        });
    }

    [TestCase(1, 1.0), TestCase(4, 0.25), TestCase(5, 0.4), TestCase(8, 0.25)]
    public void A_launch_waits_for_the_busiest_multiprocessor(int blocks, double share)
        => Assert.That(Roofline.Of(s_card, Work(blocks, Mix(("add.f32", 1000)))).Fp32,
            Is.EqualTo(3200 * share * 1e-9).Within(1e-15));

    [Test]
    public void Launches_add_their_longest_times()
    {
        LaunchWork first = Work(4, Mix(("add.f32", 100_000))), second = Work(4, Mix()) with { Times = 3 };
        var sum = Roofline.Of(s_card, [first, second]);
        double once = Roofline.Of(s_card, second with { Times = 1 }).Memory;
        Assert.That(sum.Total, Is.EqualTo(Roofline.Of(s_card, first).Fp32 + 3 * once).Within(1e-15));
    }

    [Test]
    public void A_product_and_a_sum_are_one_instruction()
    {
        Assert.That(Mix(("mul.f32", 5), ("add.f32", 3), ("sub.f32", 4), ("fma.rn.f32", 10)).Fp32,
            Is.EqualTo(17));
        Assert.That(Mix(("mul.f32", 9), ("add.f32", 3)).Fp32, Is.EqualTo(9));
        Assert.That(Mix(("div.rn.f32", 2)) is { Fp32: 16, Special: 2 });
    }

    [Test]
    public void Instructions_go_to_their_units()
    {
        InstructionMix mix = Mix(
            ("ld.global.v4.f32", 1), ("st.shared.f32", 1), ("cp.async.cg.shared.global", 1),
            ("ldmatrix.sync.aligned.m8n8.x4.shared.b16", 1), ("shfl.sync.bfly.b32", 1),
            ("ld.param.b64", 100), ("mov.f32", 100), ("bra", 100), ("bar.sync", 100),
            ("cp.async.wait_group", 100),
            ("setp.lt.f32", 1), ("add.s32", 1), ("add.s64", 1), ("div.s32", 1), ("lg2.approx.f32", 1));
        Assert.That((mix.LoadStore, mix.Integer, mix.Special, mix.Fp32, mix.Mma),
            Is.EqualTo((5d, 24d, 2d, 0d, 0d)));
    }

    [Test]
    public void Tensor_cores_that_a_card_lacks_are_no_estimate()
        => Assert.That(() => Roofline.Of(Card.T4, Work(4,
            Mix(("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", 1)))),
            Throws.InvalidOperationException);

    // Peaks as NVIDIA prints them, TFLOP/s: whoever mistypes a rate or a clock sees it here.
    [TestCase("T4", 8.1, 0, 0), TestCase("A100", 19.5, 156, 312), TestCase("H100", 66.9, 494.7, 989.4),
        TestCase("H200", 66.9, 494.7, 989.4)]
    public void Rates_make_the_published_peaks(string name, double fp32, double tf32, double bf16)
    {
        Card card = Card.All.Single(c => c.Name == name);
        Assert.That(card.Flops("fp32") / 1e12, Is.EqualTo(fp32).Within(1).Percent);
        Assert.That(card.Flops("tf32") / 1e12, Is.EqualTo(tf32).Within(1).Percent);
        Assert.That(card.Flops("bf16") / 1e12, Is.EqualTo(bf16).Within(1).Percent);
    }

    [Test]
    public void Every_architecture_of_the_interpreter_has_a_card_of_its_size()
    {
        foreach (var architecture in PtxMachine.PtxArchitecture.All)
            Assert.That(Card.All.Where(c => c.Architecture == architecture.Name),
                Is.Not.Empty.And.All.Property("Multiprocessors").EqualTo(architecture.Multiprocessors));
        Assert.That(Card.All, Has.All.Matches((Card c) => c is
        {
            ClockGhz: > 0, TensorClockGhz: > 0, Fp32: > 0, Special: > 0, SharedBytes: > 0, MemoryGBs: > 0,
        }));
    }

    static InstructionMix Mix(params (string Opcode, long Count)[] counts)
        => InstructionMix.Of(counts.Select(c => KeyValuePair.Create(c.Opcode, c.Count)), 1);

    static LaunchWork Work(long blocks, InstructionMix mix)
        => new("k", blocks, 1, mix, SectorBytes: 6400, UsefulBytes: 3200, MemoryBytes: 3000,
            SharedCycles: 300, Conflicts: 100, Barriers: 0);
}
