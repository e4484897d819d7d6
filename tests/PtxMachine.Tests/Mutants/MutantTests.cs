using System.Text.RegularExpressions;

namespace HeadTap.PtxMachine.Tests;

/// <summary>
/// Our own PTX with one thing wrong at a time: each change is caught, and the table says by what.
/// </summary>
public sealed class MutantTests
{
    /// <summary>A change of a kernel's text.</summary>
    /// <param name="Kernel">Which.</param>
    /// <param name="Name">What is wrong.</param>
    /// <param name="Pattern">Regular expression of what is replaced.</param>
    /// <param name="With">By what; the expression's groups may be named.</param>
    /// <param name="Caught">The kind of the fault; null where the values tell.</param>
    /// <param name="Nth">Which of the matches, from 0; -1 for all.</param>
    public sealed record Mutant(
        string Kernel, string Name, string Pattern, string With, FaultKind? Caught, int Nth = 0)
    {
        public override string ToString() => $"{Kernel}: {Name}";
    }

    static readonly Dictionary<string, RealKernel> _kernels = new()
    {
        ["LayerNorm"] = RealKernel.LayerNorm,
        ["Product"] = RealKernel.Product,
        ["Tf32"] = RealKernel.Tf32,
        ["Bf16"] = RealKernel.Bf16,
        ["Attention"] = RealKernel.Attention,
    };

    const string Barrier = @"bar\.sync\s+0;";

    public static IEnumerable<Mutant> Mutants =>
    [
        new("LayerNorm", "no barrier before the tree", Barrier, "", FaultKind.Uninitialised, 0),
        new("LayerNorm", "no barrier in the tree", Barrier, "", FaultKind.SharedRace, 1),
        new("LayerNorm", "no barrier before the tree is used again", Barrier, "", FaultKind.SharedRace, 2),
        new("LayerNorm", "no barrier before the second tree", Barrier, "", FaultKind.SharedRace, 3),
        new("LayerNorm", "no barrier in the second tree", Barrier, "", FaultKind.SharedRace, 4),
        new("LayerNorm", "the tree skips a level",
            @"shr\.s32(\s+%r\d+, %r\d+), 1;", "shr.s32$1, 2;", null, 1),
        new("LayerNorm", "a stride of 127", @"add\.s32(\s+%r\d+, %r\d+), 128;", "add.s32$1, 127;", null, 0),
        new("LayerNorm", "one column too many", @"setp\.ge\.s32", "setp.gt.s32", FaultKind.OutOfBounds),
        new("LayerNorm", "too little shared memory",
            @"alloca0\[512\]", "alloca0[508]", FaultKind.OutOfBounds),
        new("LayerNorm", "every thread writes the mean",
            @"setp\.eq\.s32(\s+%p\d+, %r\d+), 0;", "setp.ge.s32$1, 0;", FaultKind.GlobalRace),
        new("Product", "no barrier before the tile is read", Barrier, "", FaultKind.SharedRace, 0),
        new("Product", "no barrier before the tile is written", Barrier, "", FaultKind.SharedRace, 1),
        new("Attention", "too little alignment for vectors",
            @"\.align 16 (\.b8 __shared)", ".align 4 $1", FaultKind.Misaligned),
        new("Product", "too little shared memory",
            @"(__shared_alloca\d)\[4352\]", "$1[4320]", FaultKind.OutOfBounds),
        new("Tf32", "no barrier behind the wait", Barrier, "", FaultKind.AsyncCopy, 0),
        new("Tf32", "a wait for one group fewer", @"wait_group\s+1;", "wait_group 2;", FaultKind.AsyncCopy),
        new("Tf32", "no wait", @"cp\.async\.wait_group\s+1;", "", FaultKind.AsyncCopy),
        new("Tf32", "the first copies are not committed",
            @"cp\.async\.commit_group;", "", FaultKind.AsyncCopy, 0),
        new("Tf32", "too little alignment for copies",
            @"\.align 16 (\.b8 __shared)", ".align 4 $1", FaultKind.Misaligned),
        new("Tf32", "fragments in the wrong order",
            @"(mma[^{]*\{[^}]*\}, \{\s*%\w+),(%\w+),(%\w+),", "$1,$3,$2,", null),
        new("Tf32", "matrices in the wrong order", @"(ldmatrix[^{]*\{\s*)(%\w+),(%\w+),", "$1$3,$2,", null),
        new("Tf32", "numbers are not rounded", @"cvt\.rna\.tf32\.f32", "mov.b32", null),
        new("Tf32", "copies past the edge", @"(cp\.async\.cg[^;]*), 16, %\w+;", "$1, 16;", null, -1),
        new("Bf16", "no barrier", Barrier, "", FaultKind.SharedRace, 0),
        new("Bf16", "halves swapped", @"(cvt\.rn\.bf16x2\.f32\s+%\w+), (%\w+), (%\w+);", "$1, $3, $2;", null),
        new("Bf16", "a matrix too few",
            @"m8n8\.x4\.shared\.b16 \{(\s*%\w+),(%\w+),(%\w+),(%\w+)\}", "m8n8.x2.shared.b16 {$1,$2}", null),
        new("Attention", "no barrier before the keys are read", Barrier, "", FaultKind.SharedRace, 0),
        new("Attention", "no barrier before the keys are replaced", Barrier, "", FaultKind.SharedRace, 1),
        new("Attention", "a shuffle over the wrong lanes",
            @"(shfl\.sync\.bfly\.b32[^;]*), 1, 31,", "$1, 4, 31,", null),
        new("Attention", "half of the member mask",
            @"(shfl\.sync\.bfly[^;]*), 4294967295;", "$1, 65535;", FaultKind.PartialWarp),
    ];

    [TestCaseSource(nameof(Mutants))]
    public void A_mutant_is_caught(Mutant mutant)
    {
        RealKernel kernel = _kernels[mutant.Kernel];
        string text = kernel.Text;
        MatchCollection matches = Regex.Matches(text, mutant.Pattern);
        Assert.That(matches, Has.Count.GreaterThan(mutant.Nth), "nothing to change");
        int seen = 0;
        string changed = Regex.Replace(text, mutant.Pattern, match =>
            mutant.Nth < 0 || seen++ == mutant.Nth ? match.Result(mutant.With) : match.Value);
        Assert.That(changed, Is.Not.EqualTo(text));
        FaultKind? caught = null;
        string what = "the values are the same";
        try
        {
            if (kernel.Run(changed).SequenceEqual(kernel.Run(text)))
                Assert.Fail(what);
            what = "the values differ";
        }
        catch (PtxFault fault)
        {
            (caught, what) = (fault.Kind, fault.Message);
        }
        TestContext.Out.WriteLine(what);
        Assert.That(caught, Is.EqualTo(mutant.Caught), what);
    }

    [Test]
    public void The_kernels_run_without_a_fault()
    {
        foreach (RealKernel kernel in _kernels.Values)
            Assert.DoesNotThrow(() => kernel.Run(kernel.Text), kernel.Name);
    }
}
