namespace HeadTap.PtxMachine.Tests;

/// <summary>Each defect that the machine looks for, beside its mended twin.</summary>
public sealed class DetectorTests
{
    const string Tile = ".shared .align 16 .b8 TILE[1024];";

    // A thread's own word of the tile is at %w2, its neighbour's in the block at %w3.
    const string Places = """
          mov.b32 %w1, TILE; shl.b32 %w4, %t, 2; add.s32 %w2, %w1, %w4;
          xor.b32 %w5, %w4, 128; add.s32 %w3, %w1, %w5;
          xor.b32 %w5, %w4, 4; add.s32 %w6, %w1, %w5;
        """;

    /// <param name="Name">What is wrong.</param>
    /// <param name="Kind">What is reported.</param>
    /// <param name="Body">The lines; the faulty one ends in a comment with a question mark, and what a line
    /// of the mended twin has more stands behind //+.</param>
    /// <param name="Threads">Of a block.</param>
    /// <param name="Blocks">Of the grid.</param>
    public sealed record Defect(
        string Name, FaultKind Kind, string Body, int Threads = 64, int Blocks = 1,
        string Declarations = Tile)
    {
        public override string ToString() => Name;
    }

    public static IEnumerable<Defect> Defects =>
    [
        new("no barrier between write and read", FaultKind.SharedRace, Places + """

              st.shared.b32 [%w2], %t;
              //+ bar.sync 0;
              setp.ge.s32 %p1, %t, 32;
              @%p1 ld.shared.b32 %w7, [%w3]; //?
            """),
        new("no barrier between read and write", FaultKind.SharedRace, Places + """

              st.shared.b32 [%w2], %t;
              bar.sync 0;
              setp.lt.s32 %p1, %t, 32;
              @%p1 ld.shared.b32 %w7, [%w3];
              //+ bar.sync 0;
              st.shared.b32 [%w2], %w7; //?
            """),
        new("two warps write one word", FaultKind.SharedRace, Places + """

              setp.lt.s32 %p1, %t, 32;
              @%p1 st.shared.b32 [%w2], %t;
              //+ bar.sync 0;
              @!%p1 st.shared.b32 [%w3], %t; //?
            """),
        new("no warp barrier between lanes", FaultKind.SharedRace, Places + """

              st.shared.b32 [%w2], %t;
              //+ bar.warp.sync 4294967295;
              ld.shared.b32 %w7, [%w6]; //?
            """, Threads: 32),
        new("no warp barrier between a read and a write of lanes", FaultKind.SharedRace, Places + """

              st.shared.b32 [%w2], %t;
              bar.sync 0;
              ld.shared.b32 %w7, [%w6];
              //+ bar.warp.sync 4294967295;
              st.shared.b32 [%w2], %w7; //?
            """, Threads: 32),
        new("ldmatrix of what lanes just wrote", FaultKind.SharedRace, """
              mov.b32 %w1, TILE; shl.b32 %w4, %t, 4; add.s32 %w2, %w1, %w4;
              st.shared.v4.b32 [%w2], {%t, %t, %t, %t};
              //+ bar.warp.sync 4294967295;
              ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%w5, %w6, %w7, %w8}, [%w2]; //?
            """, Threads: 32),
        new("a word that nobody wrote", FaultKind.Uninitialised, Places + """

              setp.lt.s32 %p1, %t, 60;
              //+ setp.lt.s32 %p1, %t, 64;
              @%p1 st.shared.b32 [%w2], %t;
              bar.sync 0;
              ld.shared.b32 %w7, [%w2]; //?
            """),
        new("past the end of a symbol", FaultKind.OutOfBounds, Places + """

              mov.b32 %w8, 256;
              //+ mov.b32 %w8, 252;
              shl.b32 %w8, %w8, 2; add.s32 %w8, %w8, %w1;
              setp.eq.s32 %p1, %t, 9;
              @%p1 st.shared.b32 [%w8], %t; //?
            """),
        new("before a symbol, in the one before", FaultKind.OutOfBounds, """
              mov.b32 %w1, SECOND; shl.b32 %w4, %t, 2; add.s32 %w2, %w1, %w4;
              //+ add.s32 %w2, %w2, 4;
              st.shared.b32 [%w2+-4], %t; //?
            """, Declarations: ".shared .align 4 .b8 FIRST[1024]; .shared .align 4 .b8 SECOND[1024];"),
        new("a declaration with too little alignment", FaultKind.Misaligned, """
              mov.b32 %w1, LOOSE; shl.b32 %w4, %t, 4; add.s32 %w2, %w1, %w4;
              //+ mov.b32 %w1, TIGHT; add.s32 %w2, %w1, %w4;
              st.shared.v4.b32 [%w2], {%t, %t, %t, %t}; //?
            """, Declarations: ".shared .align 4 .b8 LOOSE[1024]; .shared .align 16 .b8 TIGHT[1024];"),
        new("a shared address between words", FaultKind.Misaligned, Places + """

              add.s32 %w2, %w2, 2;
              //+ sub.s32 %w2, %w2, 2;
              st.shared.b32 [%w2], %t; //?
            """),
        new("past the end of an allocation", FaultKind.OutOfBounds, """
              add.s64 %l1, %ra, 256;
              //+ sub.s64 %l1, %l1, 256;
              st.global.b32 [%l1], %t; //?
            """),
        new("before an allocation", FaultKind.OutOfBounds, """
              //+ add.s64 %ra, %ra, 4;
              ld.global.b32 %w1, [%ra+-4]; //?
            """),
        new("half of a vector past the end", FaultKind.OutOfBounds, """
              mul.wide.u32 %l1, %t, 4; add.s64 %l1, %l1, %a;
              setp.eq.s32 %p1, %t, 62;
              //+ setp.eq.s32 %p1, %t, 60;
              @%p1 ld.global.v4.b32 {%w1, %w2, %w3, %w4}, [%l1]; //?
            """),
        new("a global vector between its places", FaultKind.Misaligned, """
              mov.b64 %l1, %a;
              setp.eq.s32 %p1, %t, 1;
              //+ setp.eq.s32 %p1, %t, 64;
              @%p1 add.s64 %l1, %l1, 4;
              ld.global.v4.b32 {%w1, %w2, %w3, %w4}, [%l1]; //?
            """),
        new("a copy read before its wait", FaultKind.AsyncCopy, Places + """

              cp.async.ca.shared.global [%w2], [%ra], 4;
              cp.async.commit_group;
              //+ cp.async.wait_group 0;
              bar.sync 0;
              ld.shared.b32 %w7, [%w2]; //?
            """),
        new("a wait that leaves one group too many", FaultKind.AsyncCopy, Places + """

              cp.async.ca.shared.global [%w2], [%ra], 4;
              cp.async.commit_group;
              //+ cp.async.commit_group;
              cp.async.wait_group 1;
              bar.sync 0;
              ld.shared.b32 %w7, [%w2]; //?
            """),
        new("a copy that is not committed", FaultKind.AsyncCopy, Places + """

              cp.async.ca.shared.global [%w2], [%ra], 4;
              //+ cp.async.commit_group;
              cp.async.wait_group 0;
              bar.sync 0;
              ld.shared.b32 %w7, [%w2]; //?
            """),
        new("a copy of another thread without a barrier", FaultKind.AsyncCopy, Places + """

              cp.async.ca.shared.global [%w2], [%ra], 4;
              cp.async.commit_group;
              cp.async.wait_group 0;
              //+ bar.sync 0;
              setp.ge.s32 %p1, %t, 32;
              @%p1 ld.shared.b32 %w7, [%w3]; //?
            """),
        new("a copy into what others read", FaultKind.SharedRace, Places + """

              st.shared.b32 [%w2], %t;
              bar.sync 0;
              setp.lt.s32 %p1, %t, 32;
              @%p1 ld.shared.b32 %w7, [%w3];
              //+ bar.sync 0;
              @!%p1 cp.async.ca.shared.global [%w2], [%ra], 4; //?
            """),
        new("a barrier that half of a warp reaches", FaultKind.Barrier, """
              setp.lt.s32 %p1, %t, 16;
              //+ setp.lt.s32 %p1, %t, 64;
              @!%p1 bra OUT;
              bar.sync 0; //?
            OUT:
              mov.b32 %w1, 0;
            """),
        new("a barrier that one warp reaches", FaultKind.Barrier, """
              setp.lt.s32 %p1, %t, 32;
              //+ setp.lt.s32 %p1, %t, 64;
              @!%p1 bra OUT;
              bar.sync 0; //?
            OUT:
              mov.b32 %w1, 0;
            """),
        new("a barrier behind threads that ended", FaultKind.Barrier, """
              setp.ge.s32 %p1, %t, 60;
              //+ setp.ge.s32 %p1, %t, 64;
              @%p1 ret;
              bar.sync 0; //?
            """),
        new("warps at different barriers", FaultKind.Barrier, """
              setp.lt.s32 %p1, %t, 32;
              @!%p1 bra OTHER;
              bar.sync 0;
              bra OUT;
            OTHER:
              //+ bar.sync 0; bra OUT;
              bar.sync 1; //?
            OUT:
              mov.b32 %w1, 0;
            """),
        new("a uniform branch that is not", FaultKind.DivergentUniform, """
              setp.lt.s32 %p1, %t, 60;
              //+ setp.lt.s32 %p1, %t, 32;
              @%p1 bra.uni OUT; //?
              mov.b32 %w1, 0;
            OUT:
              mov.b32 %w2, 0;
            """),
        new("a shuffle that half of its members execute", FaultKind.PartialWarp, """
              setp.lt.s32 %p1, %t, 48;
              //+ setp.lt.s32 %p1, %t, 64;
              @!%p1 bra OUT;
              shfl.sync.bfly.b32 %w1, %t, 1, 31, 4294967295; //?
            OUT:
              mov.b32 %w2, 0;
            """),
        new("a shuffle from a lane that does not take part", FaultKind.PartialWarp, """
              setp.lt.s32 %p1, %t, 8;
              @!%p1 bra OUT;
              mov.b32 %w2, 8;
              //+ mov.b32 %w2, 4;
              shfl.sync.bfly.b32 %w1, %t, %w2, 31, 255; //?
            OUT:
              mov.b32 %w2, 0;
            """),
        new("a matrix product by half of a warp", FaultKind.PartialWarp, """
              mov.b32 %w1, 0;
              setp.lt.s32 %p1, %t, 48;
              //+ setp.lt.s32 %p1, %t, 64;
              @!%p1 bra OUT;
              MMA {%w4, %w5, %w6, %w7}, {%w1, %w1, %w1, %w1}, {%w1, %w1}, {%w1, %w1, %w1, %w1}; //?
            OUT:
              mov.b32 %w2, 0;
            """),
        new("two blocks write one word", FaultKind.GlobalRace, """
              mov.b32 %w1, 0;
              //+ mov.b32 %w1, %ctaid.x;
              mul.wide.u32 %l1, %w1, 128; add.s64 %l1, %l1, %ra;
              setp.lt.s32 %p1, %t, 32;
              @%p1 st.global.b32 [%l1], %t; //?
            """, Blocks: 2),
        new("a block reads what another writes", FaultKind.GlobalRace, """
              mov.b32 %w1, %ctaid.x; setp.eq.s32 %p1, %w1, 0;
              add.s64 %l1, %ra, 0;
              setp.eq.s32 %p2, %t, 0;
              and.pred %p3, %p1, %p2;
              @%p3 st.global.b32 [%l1], %t;
              not.pred %p1, %p1; and.pred %p3, %p1, %p2;
              //+ add.s64 %l1, %l1, 4;
              @%p3 ld.global.b32 %w2, [%l1]; //?
            """, Blocks: 2),
        new("a block writes what two others read", FaultKind.GlobalRace, """
              mov.b32 %w1, %ctaid.x; setp.lt.s32 %p1, %w1, 2;
              @%p1 ld.global.b32 %w2, [%ra];
              not.pred %p1, %p1;
              //+ setp.lt.s32 %p1, %w1, 0;
              @%p1 st.global.b32 [%ra], %t; //?
            """, Blocks: 3),
        new("threads of a block race in global memory", FaultKind.GlobalRace, """
              xor.b32 %w1, %t, 32; mul.wide.u32 %l1, %w1, 4; add.s64 %l1, %l1, %a;
              st.global.b32 [%ra], %t;
              //+ bar.sync 0;
              setp.ge.s32 %p1, %t, 32;
              @%p1 ld.global.b32 %w2, [%l1]; //?
            """),
    ];

    [TestCaseSource(nameof(Defects))]
    public void A_defect_is_found_where_it_is(Defect defect)
    {
        string text = Text(defect.Body, defect);
        PtxFault fault = Assert.Throws<PtxFault>(() => Run(text, defect))!;
        int line = Array.FindIndex(text.Split('\n'), l => l.EndsWith("//?", StringComparison.Ordinal)) + 1;
        Assert.That((fault.Kind, fault.Line), Is.EqualTo((defect.Kind, line)), fault.Message);
        Assert.That(fault.Message, Does.Contain("K, line").And.Contain("block (").And.Contain("thread ("));
    }

    [TestCaseSource(nameof(Defects))]
    public void The_mended_twin_runs(Defect defect)
    {
        string text = Text(defect.Body.Replace("//+", "", StringComparison.Ordinal), defect);
        Assert.DoesNotThrow(() => Run(text, defect));
    }

    static string Text(string body, Defect defect) => TestKernel.Text(
        body.Replace("MMA", "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", StringComparison.Ordinal),
        1, defect.Declarations);

    static void Run(string text, Defect defect)
    {
        using TestKernel kernel = new();
        nint a = kernel.Upload(new uint[64]);
        kernel.Launch(text, new(defect.Blocks), new(defect.Threads), a);
        // Records of an earlier launch, and of an earlier block, never matter to a later one.
        kernel.Launch(text, new(defect.Blocks), new(defect.Threads), a);
    }
}
