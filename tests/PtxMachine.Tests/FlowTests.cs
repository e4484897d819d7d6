namespace HeadTap.PtxMachine.Tests;

/// <summary>Branches, loops and ends that lanes of a warp take differently.</summary>
public sealed class FlowTests
{
    [Test]
    public void Lanes_part_and_meet()
    {
        uint[] got = TestKernel.Words("""
              and.b32 %w1, %t, 3;
              setp.lt.s32 %p1, %w1, 2;
              @%p1 bra LOW;
              setp.eq.s32 %p2, %w1, 2;
              @!%p2 bra THREE;
              mov.b32 %w0, 20;
              bra MEET;
            THREE:
              mov.b32 %w0, 30;
              bra MEET;
            LOW:
              mul.lo.s32 %w0, %w1, 10;
            MEET:
              shfl.sync.bfly.b32 %w2, %w0, 1, 31, 4294967295;
              add.s32 %w0, %w0, %w2;
            """);
        Assert.That(got, Is.EqualTo(Enumerable.Range(0, 32)
            .Select(t => (uint)(10 * (t & 3) + 10 * ((t ^ 1) & 3)))));
    }

    [Test]
    public void Lanes_leave_a_loop_one_after_the_other()
    {
        uint[] got = TestKernel.Words("""
              mov.b32 %w0, 0; mov.b32 %w1, 0;
            LOOP:
              setp.ge.s32 %p1, %w1, %t;
              @%p1 bra DONE;
              and.b32 %w2, %w1, 1;
              setp.eq.s32 %p2, %w2, 0;
              @%p2 bra NEXT;
              add.s32 %w0, %w0, %w1;
            NEXT:
              add.s32 %w1, %w1, 1;
              bra.uni LOOP;
            DONE:
              mov.b32 %w3, %w0;
            """);
        Assert.That(got, Is.EqualTo(Enumerable.Range(0, 32)
            .Select(t => (uint)Enumerable.Range(0, t).Where(i => i % 2 == 1).Sum())));
    }

    [Test]
    public void A_lane_that_ends_writes_no_more()
    {
        using TestKernel kernel = new();
        nint a = kernel.Upload(new uint[64]);
        kernel.Launch(TestKernel.Text("""
              st.global.b32 [%ra], 1;
              setp.ge.s32 %p1, %t, 40;
              @%p1 ret;
              setp.lt.s32 %p2, %t, 10;
              @%p2 bra OUT;
              st.global.b32 [%ra], 2;
              ret;
            OUT:
              st.global.b32 [%ra], 3;
            """), new(1), new(64), a);
        Assert.That(TestKernel.Download<uint>(a, 64), Is.EqualTo(Enumerable.Range(0, 64)
            .Select(t => t >= 40 ? 1u : t < 10 ? 3u : 2u)));
    }

    [Test]
    public void A_guard_keeps_the_old_value_where_it_does_not_hold()
    {
        uint[] got = TestKernel.Words("""
              mov.b32 %w0, 7;
              setp.lt.s32 %p1, %t, 5;
              @%p1 mov.b32 %w0, 8;
              @!%p1 add.s32 %w0, %w0, %t;
            """);
        Assert.That(got, Is.EqualTo(Enumerable.Range(0, 32).Select(t => t < 5 ? 8u : 7u + (uint)t)));
    }

    [TestCase(1, 1)]
    [TestCase(7, 1)]
    [TestCase(64, 4)]
    [TestCase(1024, 2)]
    public void Every_thread_of_every_block_runs_once(int threads, int cores)
    {
        using TestKernel kernel = new(new() { Threads = cores });
        Dim3 grid = new(5, 3, 2);
        nint a = kernel.Upload(new uint[grid.Count * threads]);
        kernel.Launch(TestKernel.Text("""
              mov.b32 %w1, %ctaid.z; mov.b32 %w2, %nctaid.y;
              mul.lo.s32 %w1, %w1, %w2; mov.b32 %w2, %ctaid.y; add.s32 %w1, %w1, %w2;
              mov.b32 %w2, %nctaid.x; mul.lo.s32 %w1, %w1, %w2;
              mov.b32 %w2, %ctaid.x; add.s32 %w1, %w1, %w2;
              mov.b32 %w2, %ntid.x; mad.lo.s32 %w1, %w1, %w2, %t;
              mul.wide.u32 %l1, %w1, 4; add.s64 %l1, %l1, %a;
              ld.global.b32 %w3, [%l1]; add.s32 %w3, %w3, %w1; add.s32 %w3, %w3, 1;
              st.global.b32 [%l1], %w3;
            """), grid, new(threads), a);
        Assert.That(TestKernel.Download<uint>(a, (int)grid.Count * threads),
            Is.EqualTo(Enumerable.Range(1, (int)grid.Count * threads)));
    }

    [Test]
    public void Indices_of_threads_run_along_x_first()
    {
        using TestKernel kernel = new();
        nint a = kernel.Upload(new uint[60]);
        kernel.Launch(TestKernel.Text("""
              mov.b32 %w1, %tid.y; mov.b32 %w2, %tid.z;
              mov.b32 %w3, %ntid.x; mov.b32 %w4, %ntid.y;
              mad.lo.s32 %w5, %w2, %w4, %w1; mad.lo.s32 %w5, %w5, %w3, %t;
              mul.wide.u32 %l1, %w5, 4; add.s64 %l1, %l1, %a;
              mov.b32 %w6, %laneid; mov.b32 %w7, %warpid; mad.lo.s32 %w6, %w7, 32, %w6;
              st.global.b32 [%l1], %w6;
            """), new(1), new(3, 4, 5), a);
        Assert.That(TestKernel.Download<uint>(a, 60), Is.EqualTo(Enumerable.Range(0, 60)));
    }
}
