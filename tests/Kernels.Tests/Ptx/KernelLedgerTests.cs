using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// Every kernel assembled by NVIDIA's own ptxas and held against docs/kernel-ledger.csv: registers, memory,
/// spills and tensor-core instructions change by decision, not by accident.
/// </summary>
public class KernelLedgerTests
{
    static readonly IReadOnlySet<string> s_tensorCores =
        KernelCatalog.All.Where(k => k.TensorCores).Select(k => k.Name).ToHashSet();

    [Test]
    public void Assembled_kernels_are_those_of_the_ledger_without_a_spill()
    {
        RequireTools();
        string[] committed = KernelLedger.Read();
        LedgerRow[] known = [.. committed.Select(LedgerRow.Parse).OfType<LedgerRow>()];
        if (known is [LedgerRow first, ..] && first.Ptxas != PtxAssembler.Version)
            Assert.Ignore($"the ledger was made with another ptxas than this one, {PtxAssembler.Version}");
        List<LedgerRow> rows = PtxAssembler.AssembleChanged(known);
        Assert.That(KernelLedger.Complaints(rows, s_tensorCores, committed), Is.Empty,
            "if the change is meant: bench/gpu/ledger, and commit docs/kernel-ledger.csv");
    }

    [Test]
    public void The_ledger_names_the_catalog()
    {
        // Needs no tools: a kernel that was added without its lines is seen on every machine.
        Assert.That(KernelLedger.Read().Select(l => string.Join(' ', l.Split(',')[..2])), Is.EqualTo(
            KernelCatalog.Builds.Select(b => $"{b.Kernel.Name} {PtxAssembler.Target(b.Architecture)}")),
            "bench/gpu/ledger");
    }

    [Test]
    public void No_portable_kernel_asks_for_more_than_a_device_is_refused_for()
    {
        // GroupLimits.OfKernels is checked when a device is opened; a kernel beyond it would fail in mid-job.
        IEnumerable<KernelVariant> portable =
            KernelCatalog.All.Where(k => !k.TensorCores && k.Since == KernelCatalog.Architectures[0]);
        ILookup<string, string[]> rows = KernelLedger.Read().Select(l => l.Split(',')).ToLookup(c => c[0]);
        foreach (KernelVariant kernel in portable)
        {
            foreach (string[] row in rows[kernel.Name])
                Assert.That(long.Parse(row[3], CultureInfo.InvariantCulture),
                    Is.LessThanOrEqualTo(GroupLimits.OfKernels.SharedBytes), kernel.Name);
            if (kernel.Method.DeclaringType!.GetField("BlockSize")?.GetRawConstantValue() is int threads)
                Assert.That(threads, Is.LessThanOrEqualTo(GroupLimits.OfKernels.Threads), kernel.Name);
        }
    }

    // The machine of `ptx` cannot know what ptxas makes of a kernel, so a launch that is refused for its
    // registers passes there. A warp gets registers in portions of 256, and a block has 65536.
    [Test]
    public void Every_block_has_enough_registers()
    {
        const int lanes = 32, portion = 256, ofBlock = 65536;
        ILookup<string, string[]> rows = KernelLedger.Read().Select(l => l.Split(',')).ToLookup(c => c[0]);
        Assert.Multiple(() =>
        {
            foreach (KernelVariant kernel in KernelCatalog.All)
            {
                object? own = kernel.Method.DeclaringType!.GetField("BlockSize")?.GetRawConstantValue();
                int threads = own as int? ?? ElementLoop.BlockSize;
                foreach (string[] row in rows[kernel.Name])
                {
                    int ofWarp = int.Parse(row[2], CultureInfo.InvariantCulture) * lanes;
                    int needed = (ofWarp + portion - 1) / portion * portion * ((threads + lanes - 1) / lanes);
                    Assert.That(needed, Is.LessThanOrEqualTo(ofBlock),
                        $"{kernel.Name} on {row[1]}: {row[2]} registers, {threads} threads");
                }
            }
        });
    }

    [Test]
    public void Spills_missing_tensor_cores_and_stale_lines_are_seen()
    {
        LedgerRow good = new("A.B", "sm_80", 32, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 100, "11.8.89",
            "0123456789ABCDEF");
        string[] Complain(LedgerRow row, params string[] lines)
            => [.. KernelLedger.Complaints([row], new HashSet<string> { "A.B" }, lines)];
        Assert.That(LedgerRow.Parse(good.Line), Is.EqualTo(good));
        Assert.That(LedgerRow.Parse("A.B,sm_80,many"), Is.Null);
        Assert.That(Complain(good, good.Line), Is.Empty);
        Assert.That(Complain(good), Has.Length.EqualTo(1).And.Some.Contains("has no line A.B"));
        Assert.That(Complain(good, good.Line, "A.C,sm_80"),
            Has.Length.EqualTo(1).And.Some.Contains("nothing assembles"));
        LedgerRow spilled = good with { SpillStoreBytes = 8 }, plain = good with { Hmma = 0 };
        Assert.That(Complain(spilled, spilled.Line), Has.Length.EqualTo(1).And.Some.Contains("spills"));
        Assert.That(Complain(spilled with { SpillStoreBytes = 0, SpillLoadBytes = 4 }),
            Has.Some.Contains("spills"));
        Assert.That(Complain(plain, plain.Line), Has.Length.EqualTo(1).And.Some.Contains("no HMMA"));
    }

    [Test]
    public void A_spill_a_local_array_and_a_tensor_core_product_are_told_apart()
    {
        RequireTools();
        (string, string) Entry(string name, string body) => (name,
            ".version 7.8\n.target sm_80\n.address_size 64\n"
            + $".visible .entry k(.param .u64 p)\n.maxntid 1024,1,1\n{{\n{body}\nret;\n}}\n");
        List<LedgerRow> rows = PtxAssembler.Assemble("sm_80", "proof",
            [Entry("Spill", Crowded(count: 90)), Entry("Array", LocalArray), Entry("Tensor", Tensor)]);
        (LedgerRow spill, LedgerRow array, LedgerRow tensor) = (rows[0], rows[1], rows[2]);
        Assert.That(spill.SpillStoreBytes, Is.GreaterThan(0));
        Assert.That(spill.SpillLoadBytes, Is.GreaterThan(0));
        Assert.That(array.LocalBytes, Is.EqualTo(64));
        Assert.That(array.SpillStoreBytes, Is.Zero);
        Assert.That((tensor.Hmma, tensor.LocalBytes, array.Hmma), Is.EqualTo((1, 0, 0)));
    }

    [Test, Explicit("Rewrites docs/kernel-ledger.csv; bench/gpu/ledger calls it.")]
    public void Write_the_ledger()
    {
        RequireTools();
        IReadOnlyList<LedgerRow> rows = PtxAssembler.AssembleChanged([]);
        KernelLedger.Write(rows);
        Assert.That(KernelLedger.Complaints(rows, s_tensorCores, KernelLedger.Read()), Is.Empty);
    }

    static void RequireTools()
    {
        if (!PtxAssembler.Present)
            Assert.Ignore("no ptxas and nvdisasm in artifacts/cuda-tools; "
                + $"{PtxAssembler.HowToGet} puts them there");
    }

    // More values alive at once than the 64 registers of a thread in a group of 1,024: loaded, then used in
    // reverse.
    static string Crowded(int count)
    {
        IEnumerable<int> all = Enumerable.Range(0, count);
        return $".reg .f32 %f<{count + 2}>; .reg .b64 %r<2>; ld.param.u64 %r1,[p];\n"
            + string.Join('\n', all.Select(i => $"ld.volatile.global.f32 %f{i},[%r1+{4 * i}];"))
            + string.Concat(all.Reverse().Select(i => $"\nst.volatile.global.f32 [%r1+{4 * i}],%f{i};"));
    }

    const string LocalArray = """
        .local .align 4 .b8 a[64]; .reg .b64 %r<7>; .reg .b32 %i<3>; .reg .f32 %f<3>;
        ld.param.u64 %r1,[p]; mov.u64 %r2,a; ld.volatile.global.u32 %i1,[%r1]; and.b32 %i2,%i1,15;
        mul.wide.u32 %r3,%i2,4; add.u64 %r4,%r2,%r3; ld.volatile.global.f32 %f1,[%r1+4];
        st.local.f32 [%r2],%f1;
        st.local.f32 [%r4],%f1; ld.volatile.global.u32 %i1,[%r1]; and.b32 %i2,%i1,15; mul.wide.u32 %r5,%i2,4;
        add.u64 %r6,%r2,%r5; ld.local.f32 %f2,[%r6]; st.global.f32 [%r1],%f2;
        """;

    const string Tensor = """
        .reg .b64 %r<2>; .reg .b32 %i<7>; .reg .f32 %f<5>; ld.param.u64 %r1,[p];
        ld.volatile.global.u32 %i1,[%r1]; ld.volatile.global.u32 %i2,[%r1+4];
        mov.f32 %f1,0f00000000; mov.f32 %f2,%f1; mov.f32 %f3,%f1; mov.f32 %f4,%f1;
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
            {%f1,%f2,%f3,%f4},{%i1,%i2,%i1,%i2},{%i1,%i2},{%f1,%f2,%f3,%f4};
        st.global.f32 [%r1],%f1; st.global.f32 [%r1+4],%f2;
        st.global.f32 [%r1+8],%f3; st.global.f32 [%r1+12],%f4;
        """;
}
