namespace HeadTap.PtxMachine.Tests;

/// <summary>Some blocks of a launch instead of all.</summary>
public sealed class LaunchSamplesTests
{
    [TestCase(1, 4), TestCase(4, 4), TestCase(5, 4), TestCase(384, 4), TestCase(1000, 7)]
    public void One_block_of_each_part_of_a_grid_runs(long grid, int blocks)
    {
        long[] chosen = new LaunchSamples(blocks).Choose(grid);
        Assert.That(chosen, Has.Length.EqualTo(Math.Min(grid, blocks)).And.Ordered.And.Unique);
        for (int i = 0; i < chosen.Length; i++)
            Assert.That(chosen[i], Is.InRange(grid * i / chosen.Length, grid * (i + 1) / chosen.Length - 1));
    }

    [Test]
    public void A_sample_speaks_for_its_grid_and_for_equal_launches()
    {
        using TestKernel kernel = new(new() { Threads = 1, Counters = true });
        nint a = kernel.Upload(new uint[64]), b = kernel.Upload(new uint[64]);
        kernel.Gpu.Samples = new(3);
        string text = TestKernel.Text("ld.global.b32 %w1, [%a];", 1, "");
        foreach (nint where in (nint[])[a, b])
            kernel.Launch(text, new(12), new(32), where);
        kernel.Launch(text, new(13), new(32), a);
        Assert.That(kernel.Gpu.Samples.Taken.Select(s => (s.BlocksRun, s.Times, s.Scale)),
            Is.EqualTo(new[] { (3, 2, 4d), (3, 1, 13 / 3d) }));
        LaunchSample first = kernel.Gpu.Samples.Taken[0];
        Assert.That((first.Counters.LoadedSectors, kernel.Gpu.Counters.Launches), Is.EqualTo((3, 0)));
        AccessCount load = first.Accesses.Single();
        Assert.That((load.Executions, load.LoadedSectors, load.LeastSectors, load.UsefulBytes),
            Is.EqualTo((3, 3, 3, 12)));
        Assert.That((load.View, load.ViewBytes), Is.EqualTo((a, 256)));
        Assert.That(load.Text, Does.StartWith("ld.global.b32 %w1, [%a]"));
    }

    [Test]
    public void Accesses_tell_what_lies_apart_and_what_conflicts()
    {
        using TestKernel kernel = new(new() { Threads = 1, Counters = true });
        nint a = kernel.Upload(new uint[1024]);
        kernel.Gpu.Samples = new(1);
        kernel.Launch(TestKernel.Text("""
            shl.b64 %l1, %tl, 1; add.s64 %l1, %l1, %a;
            st.global.b32 [%l1], %t;
            shl.b32 %w2, %t, 3; mov.b32 %w3, S; add.s32 %w2, %w2, %w3; st.shared.b32 [%w2], %t;
            """, 1, ".shared .align 16 .b8 S[8192];"), new(1), new(32), a);
        IReadOnlyList<AccessCount> accesses = kernel.Gpu.Samples.Taken.Single().Accesses;
        Assert.That(accesses.Select(x => (x.StoredSectors, x.LeastSectors, x.SharedCycles, x.BankConflicts)),
            Is.EqualTo(new[] { (8L, 4L, 0L, 0L), (0, 0, 2, 1) }));
    }
}
