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

    [TestCaseSource(nameof(AllKernels))]
    public void Compiles_without_approximate_tanh_or_doubles(MethodInfo kernel, CudaArchitecture architecture)
        => Assert.That(PtxCompilation.Of(kernel, architecture), Does.Not.Match(Forbidden()));

    [Test]
    public void An_approximate_tanh_or_a_double_would_be_seen()
    {
        string Compiled(string name) => PtxCompilation.Of(
            typeof(PtxTests).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!,
            CudaArchitecture.SM_80);
        Assert.That(Compiled(nameof(WithTanh)), Does.Match(Forbidden()));
        Assert.That(Compiled(nameof(WithDouble)), Does.Match(Forbidden()));
    }

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

    static void WithDouble(ArrayView<float> x) => x[Grid.IdxX] = (float)(x[Grid.IdxX] * 1.1);

    // tanh.approx is what MathF.Tanh becomes on sm_75 and later: 11 bits, not 24.
    [GeneratedRegex(@"\btanh\.approx|\.f64\b")]
    private static partial Regex Forbidden();
}
