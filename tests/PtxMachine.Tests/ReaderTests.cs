namespace HeadTap.PtxMachine.Tests;

/// <summary>Reading of texts: what an entry declares, and what is refused at which line.</summary>
public sealed class ReaderTests
{
    [Test]
    public void An_entry_tells_what_it_takes()
    {
        PtxModule module = PtxModule.Parse("""
            // A comment.
            .version 7.8
            .target sm_80
            .address_size 64
            .visible .entry First(
              .param .align 8 .b8 view[16],
              .param .b32 n,
              .param .align 8 .b8 shape[24],
              .param .f32 scale
            )
            {
              .shared .align 4 .b8 a[6];
              .shared .align 16 .b8 b[32];
              /* Of two
                 lines. */
              ret;
            }
            .visible .entry Second() { ret; }
            """);
        PtxEntry first = module.Entries["First"];
        Assert.That((module.Target, module.Version, module.Entries.Count), Is.EqualTo(("sm_80", "7.8", 2)));
        Assert.That(first.Parameters, Is.EqualTo(new PtxParameter[]
        {
            new("view", 0, 16, 8), new("n", 16, 4, 4), new("shape", 24, 24, 8), new("scale", 48, 4, 4),
        }));
        Assert.That((first.ParameterBytes, first.StaticSharedBytes, first.MaxThreads),
            Is.EqualTo((52, 48, 1024)));
        Assert.That(module.Entries["Second"].ParameterBytes, Is.Zero);
    }

    [TestCase("frobnicate.b32 %w1, %w2;")]
    [TestCase("add.s33 %w1, %w2, %w3;")]
    [TestCase("add.s32 %w1, %w2;")]
    [TestCase("add.s32 %w1, %w2, %l3;")]
    [TestCase("add.s32 %w1, %w2, %nobody;")]
    [TestCase("bra NOWHERE;")]
    [TestCase("ld.global.v3.b32 {%w1, %w2, %w3}, [%a];")]
    [TestCase("ld.global.b32 %w1, [%w2];")]
    [TestCase("ld.const.b32 %w1, [%a];")]
    [TestCase("bar.sync %w1;")]
    [TestCase("mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%w1, %w1, %w1, %w1}, {%w1}, {%w1}, {%w1};")]
    [TestCase("@%w1 mov.b32 %w1, 0;")]
    [TestCase("atom.global.add.u32 %w1, [%a], 1;")]
    [TestCase(".reg .f16 %h<3>;")]
    public void A_form_that_is_not_known_is_refused_by_its_line(string line)
    {
        string text = TestKernel.Text("mov.b32 %w1, 0;\n" + line);
        PtxFault fault = Assert.Throws<PtxFault>(() => PtxModule.Parse(text))!;
        int at = Array.IndexOf([.. text.Split('\n').Select(l => l.Trim())], line) + 1;
        Assert.That((fault.Kind, fault.Line, fault.Kernel), 
            Is.EqualTo((FaultKind.Syntax, at, "K")), fault.Message);
    }

    [TestCase("ld.param.b64 %l1, [p0+8];", FaultKind.OutOfBounds)]
    [TestCase("ld.param.b64 %l1, [p0+4];", FaultKind.OutOfBounds)]
    [TestCase("ld.param.b32 %w1, [p0+2];", FaultKind.Misaligned)]
    public void A_parameter_has_an_end(string line, FaultKind kind)
        => Assert.That(Assert.Throws<PtxFault>(() => PtxModule.Parse(TestKernel.Text(line)))!.Kind,
            Is.EqualTo(kind));

    [TestCase("cp.async.wait_group 0;", 80)]
    [TestCase("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%w1, %w2, %w3, %w4}, {%w1, %w1}, {%w1},"
        + " {%w1, %w1, %w1, %w1};", 80)]
    public void An_architecture_has_its_instructions(string line, int since)
    {
        Assert.DoesNotThrow(() => PtxModule.Parse(TestKernel.Text(line, target: $"sm_{since}")));
        string older = TestKernel.Text(line, target: "sm_75");
        Assert.That(Assert.Throws<PtxFault>(() => PtxModule.Parse(older))!.Kind,
            Is.EqualTo(FaultKind.Architecture));
    }
}
