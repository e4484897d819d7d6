namespace HeadTap.PtxMachine.Tests;

/// <summary>What a launch is refused for, and what it answers when blocks fail.</summary>
public sealed class LaunchTests
{
    static readonly string _plain = TestKernel.Text("mov.b32 %w1, 0;");

    [TestCase(1, 1025, 1, "threads")]
    [TestCase(1, 1, 1025, "threads")]
    [TestCase(0, 32, 1, "empty grid")]
    [TestCase(1, 0, 1, "empty block")]
    public void A_launch_beyond_the_limits_is_refused(int grid, int x, int y, string says)
    {
        using TestKernel kernel = new();
        PtxFault fault = Assert.Throws<PtxFault>(() => kernel.Launch(_plain, new(grid), new(x, y), 0, 0))!;
        Assert.That(fault.Kind, Is.EqualTo(FaultKind.Launch));
        Assert.That(fault.Message, Does.Contain(says).And.Contain("K"));
    }

    [Test]
    public void A_grid_is_tall_to_65535()
    {
        using TestKernel kernel = new();
        Assert.DoesNotThrow(() => kernel.Launch(_plain, new(1, 65535), new(1), 0, 0));
        Assert.Throws<PtxFault>(() => kernel.Launch(_plain, new(1, 65536), new(1), 0, 0));
    }

    [Test]
    public void Parameters_have_the_bytes_of_the_entry()
    {
        using TestKernel kernel = new();
        PtxEntry entry = PtxModule.Parse(_plain).Entries["K"];
        Assert.DoesNotThrow(() => kernel.Gpu.Launch(entry, new(1), new(1), 0, new byte[8]));
        Assert.Throws<PtxFault>(() => kernel.Gpu.Launch(entry, new(1), new(1), 0, new byte[4]));
        Assert.Throws<PtxFault>(() => kernel.Gpu.Launch(entry, new(1), new(1), 0, new byte[16]));
    }

    [TestCase(48 << 10, 0, true)]
    [TestCase((48 << 10) + 4, 0, false)]
    [TestCase(16, (163 << 10) - 16, true)]
    [TestCase(16, 163 << 10, false)]
    public void Shared_memory_has_the_limits_of_the_architecture(int declared, int dynamic, bool runs)
    {
        using TestKernel kernel = new();
        string text = TestKernel.Text(
            "mov.b32 %w1, 0;", 1, $".shared .align 4 .b8 S[{declared}]; .shared .align 16 .b8 D[];");
        if (runs)
            Assert.DoesNotThrow(() => kernel.Launch(text, new(1), new(32), dynamic, 0));
        else
            Assert.Throws<PtxFault>(() => kernel.Launch(text, new(1), new(32), dynamic, 0));
    }

    [Test]
    public void Memory_of_the_launch_ends_where_it_says()
    {
        using TestKernel kernel = new();
        string text = TestKernel.Text("""
              mov.b32 %w1, D; shl.b32 %w2, %t, 2; add.s32 %w1, %w1, %w2;
              st.shared.b32 [%w1], %t; ld.shared.b32 %w3, [%w1]; st.global.b32 [%ra], %w3;
            """, 1, ".extern .shared .align 16 .b8 D[];");
        nint a = kernel.Upload(new uint[32]);
        kernel.Launch(text, new(1), new(32), 128, a);
        Assert.That(TestKernel.Download<uint>(a, 32), Is.EqualTo(Enumerable.Range(0, 32)));
        Assert.That(Assert.Throws<PtxFault>(() => kernel.Launch(text, new(1), new(32), 124, a))!.Kind,
            Is.EqualTo(FaultKind.OutOfBounds));
    }

    [Test]
    public void An_entry_may_say_how_many_threads_it_takes()
    {
        using TestKernel kernel = new();
        string text = _plain.Replace(") {", ")\n.maxntid 64, 1, 1\n{", StringComparison.Ordinal);
        Assert.That(PtxModule.Parse(text).Entries["K"].MaxThreads, Is.EqualTo(64));
        Assert.DoesNotThrow(() => kernel.Launch(text, new(1), new(64), 0, 0));
        Assert.Throws<PtxFault>(() => kernel.Launch(text, new(1), new(65), 0, 0));
    }

    [Test]
    public void Text_of_a_later_architecture_is_refused()
    {
        using TestKernel kernel = new(architecture: PtxArchitecture.Sm75);
        Assert.Throws<PtxFault>(() => kernel.Launch(_plain, new(1), new(1), 0, 0));
        Assert.DoesNotThrow(
            () => kernel.Launch(TestKernel.Text("mov.b32 %w1, 0;", target: "sm_75"), new(1), new(1), 0, 0));
    }

    [Test]
    public void A_loop_without_end_is_told()
    {
        using TestKernel kernel = new(new() { MaxInstructions = 10_000 });
        string text = TestKernel.Text("""
            LOOP:
              add.s32 %w1, %w1, 1;
              bra.uni LOOP;
            """);
        Assert.That(Assert.Throws<PtxFault>(() => kernel.Launch(text, new(1), new(32), 0, 0))!.Kind,
            Is.EqualTo(FaultKind.Endless));
    }

    [Test]
    public void Of_many_failing_blocks_the_first_is_told([Values(1, 4)] int cores)
    {
        using TestKernel kernel = new(new() { Threads = cores });
        nint a = kernel.Upload(new uint[32]);
        string text = TestKernel.Text("""
              mov.b32 %w1, %ctaid.x; setp.lt.s32 %p1, %w1, 37; mov.b32 %w2, 0;
            LOOP:
              add.s32 %w2, %w2, 1; setp.lt.s32 %p2, %w2, 300;
              @%p2 bra LOOP;
              @!%p1 ld.global.b32 %w3, [%ra+4096];
            """);
        for (int i = 0; i < 5; i++)
            Assert.That(Assert.Throws<PtxFault>(() => kernel.Launch(text, new(400), new(32), a))!.Block,
                Is.EqualTo(new Dim3(37, 0, 0)));
    }

    [Test]
    public void More_barriers_than_a_record_counts_are_still_told_apart()
    {
        using TestKernel kernel = new();
        // 3000 intervals; the words that warps exchange are ordered in each.
        kernel.Launch(TestKernel.Text("""
              mov.b32 %w1, TILE; shl.b32 %w4, %t, 2; add.s32 %w2, %w1, %w4;
              xor.b32 %w5, %w4, 128; add.s32 %w3, %w1, %w5; mov.b32 %w6, 0;
              st.global.b32 [%ra], %t;
            LOOP:
              st.shared.b32 [%w2], %t;
              bar.sync 0;
              ld.shared.b32 %w7, [%w3];
              bar.sync 0;
              add.s32 %w6, %w6, 1; setp.lt.s32 %p1, %w6, 1500;
              @%p1 bra LOOP;
              ld.global.b32 %w8, [%ra];
              add.s32 %w7, %w7, %w8; st.global.b32 [%ra], %w7;
            """, 1, ".shared .align 4 .b8 TILE[256];"), new(1), new(64), kernel.Upload(new uint[64]));
    }
}
