using System.Reflection;
using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// Every kernel of <see cref="KernelCatalog"/>, compiled for real GPUs on a machine that has none.
/// </summary>
public partial class PtxTests
{
    static IEnumerable<TestCaseData> AllKernels() => KernelCatalog.Builds.Select(b =>
        new TestCaseData(b.Kernel.Method, b.Architecture)
            .SetArgDisplayNames(b.Kernel.Name, b.Architecture.ToString()));

    static IEnumerable<TestCaseData> KernelsOfSm80() => AllKernels()
        .Where(c => (CudaArchitecture)c.Arguments[1]! == CudaArchitecture.SM_80);

    static IEnumerable<TestCaseData> KernelsOfTheirFirst() => KernelCatalog.Builds
        .Where(b => b.Architecture == b.Kernel.Since)
        .Select(b => new TestCaseData(b.Kernel.Method, b.Architecture)
            .SetArgDisplayNames(b.Kernel.Name, b.Architecture.ToString()));

    [TestCaseSource(nameof(AllKernels))]
    public void Compiles_without_approximate_functions_or_doubles(
        MethodInfo kernel, CudaArchitecture architecture)
        => Assert.That(PtxCompilation.Of(kernel, architecture), Does.Not.Match(Forbidden()));

    // PtxMachine.Tests would compile every kernel again for this.
    [TestCaseSource(nameof(KernelsOfTheirFirst))]
    public void Is_read_by_the_interpreter(MethodInfo kernel, CudaArchitecture architecture)
        => Assert.DoesNotThrow(() => PtxMachine.PtxModule.Parse(PtxCompilation.Of(kernel, architecture)));

    [Test]
    public void An_approximate_function_or_a_double_would_be_seen()
    {
        string Compiled(string name) => PtxCompilation.Of(
            typeof(PtxTests).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!,
            CudaArchitecture.SM_80);
        Assert.That(Compiled(nameof(WithTanh)), Does.Match(Forbidden()));
        Assert.That(Compiled(nameof(WithExp)), Does.Match(Forbidden()));
        Assert.That(Compiled(nameof(WithDouble)), Does.Match(Forbidden()));
    }

    // One architecture: the branches of the others are the same.
    [TestCaseSource(nameof(KernelsOfSm80))]
    public void Calls_no_branch_uniform_on_which_threads_may_disagree(
        MethodInfo kernel, CudaArchitecture architecture)
        => Assert.That(PtxBranches.Divergent(PtxCompilation.Of(kernel, architecture)), Is.Empty);

    // ILGPU 1.5.3 takes the index of a kernel over Index1D for uniform, as it takes every parameter.
    [Test]
    public void A_divergent_uniform_branch_would_be_seen()
        => Assert.That(PtxBranches.Divergent("""
            .visible .entry Kernel(.param .u64 .ptr x) {
            mov.u32 %r1, %tid.x;
            add.s32 %r2, %r1, 1;
            setp.lt.s32 %p1, %r2, 7;
            setp.lt.s32 %p2, %r3, 7;
            @%p2 bra.uni L_1;
            @!%p1 bra.uni L_1;
            mov.pred %p1, 1;
            @%p1 bra.uni L_1;
            L_1:
            """), Is.EqualTo((string[])["@!%p1 bra.uni L_1;"]));

    [TestCaseSource(nameof(AllKernels))]
    public void Declares_shared_memory_as_aligned_as_its_widest_access(
        MethodInfo kernel, CudaArchitecture architecture)
    {
        string ptx = PtxCompilation.Of(kernel, architecture);
        if (PtxSharedAlignment.Declared(ptx) is > 0 and var declared)
            Assert.That(declared, Is.GreaterThanOrEqualTo(PtxSharedAlignment.Widest(ptx)));
    }

    [TestCase("ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%r1];", 16)]
    [TestCase("st.shared.v2.b32 [%r1], {%f1, %f2};", 8)]
    [TestCase("ld.shared.f32 %f1, [%r1];", 4)]
    [TestCase("cp.async.cg.shared.global [%r1], [%rd1], 16, %r2;", 16)]
    [TestCase("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%r5];", 16)]
    public void The_widest_access_is_seen(string line, int bytes)
        => Assert.That(PtxSharedAlignment.Widest(line), Is.EqualTo(bytes));

    [Test]
    public void Every_generic_kernel_is_in_the_catalog()
    {
        // A kernel with type arguments is not found by itself: forgotten, nothing would compile it.
        IEnumerable<string> generic =
            from type in typeof(LayerNormKernels).Assembly.GetExportedTypes()
            where type.Name.EndsWith("Kernels", StringComparison.Ordinal)
            from method in type.GetMethods(
                BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly)
            where method.ReturnType == typeof(void) && method.IsGenericMethodDefinition
            select $"{type.Name}.{method.Name}";
        foreach (string name in generic)
            Assert.That(KernelCatalog.All.Select(k => k.Name), Has.Some.StartsWith($"{name}["), name);
    }

    static void WithTanh(ArrayView<float> x) => x[Grid.IdxX] = MathF.Tanh(x[Grid.IdxX]);

    static void WithExp(ArrayView<float> x) => x[Grid.IdxX] = MathF.Exp(x[Grid.IdxX]);

    static void WithDouble(ArrayView<float> x) => x[Grid.IdxX] = (float)(x[Grid.IdxX] * 1.1);

    // tanh.approx is what MathF.Tanh becomes on sm_75 and later: 11 bits, not 24. ex2.approx and lg2.approx
    // are what MathF.Exp and MathF.Log become (DeviceMath).
    [GeneratedRegex(@"\.approx\b|\.f64\b")]
    private static partial Regex Forbidden();
}
