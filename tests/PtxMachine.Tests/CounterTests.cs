namespace HeadTap.PtxMachine.Tests;

/// <summary>What a cost model is told of a launch.</summary>
public sealed class CounterTests
{
    [TestCase(0, 4)] // lanes side by side
    [TestCase(1, 8)] // every second word
    [TestCase(3, 32)] // a sector each
    [TestCase(5, 32)]
    public void Sectors_of_global_memory_are_counted_once_an_access(int shift, int sectors)
    {
        MachineCounters counters = Run($"""
            shl.b64 %l1, %tl, {shift}; add.s64 %l1, %l1, %a;
            ld.global.b32 %w1, [%l1];
            """);
        Assert.That((counters.LoadedSectors, counters.StoredSectors), Is.EqualTo((sectors, 0)));
    }

    [Test]
    public void All_lanes_at_one_word_are_one_sector()
        => Assert.That(Run("ld.global.b32 %w1, [%a];").LoadedSectors, Is.EqualTo(1));

    [Test]
    public void Vectors_fill_sectors()
        => Assert.That(Run("""
            shl.b64 %l1, %tl, 2; add.s64 %l1, %l1, %a;
            st.global.v4.b32 [%l1], {%t, %t, %t, %t};
            """).StoredSectors, Is.EqualTo(16));

    [TestCase("shl.b32 %w2, %t, 2;", "b32 [%w2], %t", 1, 0)]
    [TestCase("shl.b32 %w2, %t, 3;", "b32 [%w2], %t", 2, 1)]
    [TestCase("shl.b32 %w2, %t, 7;", "b32 [%w2], %t", 32, 31)]
    [TestCase("mul.lo.s32 %w2, %t, 132;", "b32 [%w2], %t", 1, 0)] // rows of 33 words
    [TestCase("mov.b32 %w2, 0;", "b32 [%w2], 5", 1, 0)] // one word for all
    [TestCase("shl.b32 %w2, %t, 4;", "v4.b32 [%w2], {%t, %t, %t, %t}", 4, 0)]
    [TestCase("shl.b32 %w2, %t, 3;", "v2.b32 [%w2], {%t, %t}", 2, 0)]
    [TestCase("shl.b32 %w2, %t, 5;", "v4.b32 [%w2], {%t, %t, %t, %t}", 8, 4)]
    public void Banks_of_shared_memory_conflict(string address, string store, int cycles, int conflicts)
    {
        MachineCounters counters = Run(
            $"{address} mov.b32 %w3, S; add.s32 %w2, %w2, %w3; st.shared.{store};");
        Assert.That((counters.SharedCycles, counters.BankConflicts), Is.EqualTo((cycles, conflicts)));
    }

    [Test]
    public void Opcodes_are_counted_for_each_warp()
    {
        MachineCounters counters = Run("""
              mov.b32 %w1, 0;
            LOOP:
              add.s32 %w1, %w1, 1; bar.sync 0; setp.lt.s32 %p1, %w1, 10;
              @%p1 bra LOOP;
            """, threads: 64);
        Assert.That((counters.Opcodes["add.s32"], counters.Barriers, counters.Launches),
            Is.EqualTo((20, 20, 1)));
        Assert.That(counters.LaneInstructions, Is.EqualTo(32 * counters.WarpInstructions));
        Assert.That(counters.Opcodes.Values.Sum(), Is.EqualTo(counters.WarpInstructions));
    }

    static MachineCounters Run(string body, int threads = 32)
    {
        using TestKernel kernel = new(new() { Threads = 1, Counters = true });
        nint a = kernel.Upload(new uint[1024 * 4]);
        kernel.Launch(TestKernel.Text(body, 1, ".shared .align 16 .b8 S[8192];"), new(1), new(threads), a);
        return kernel.Gpu.Counters;
    }
}
