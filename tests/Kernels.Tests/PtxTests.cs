using System.Reflection;
using System.Text.RegularExpressions;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Kernels.Tests;

/// <summary>Every kernel, compiled for real GPUs on a machine that has none.</summary>
public partial class PtxTests
{
    static readonly CudaArchitecture[] Architectures =
        [CudaArchitecture.SM_75, CudaArchitecture.SM_80, CudaArchitecture.SM_90];

    static IEnumerable<TestCaseData> AllKernels() =>
        from type in typeof(LayerNormKernels).Assembly.GetExportedTypes()
        where type.Name.EndsWith("Kernels", StringComparison.Ordinal)
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly)
        where method.ReturnType == typeof(void)
        from architecture in Architectures
        select new TestCaseData(method, architecture).SetArgDisplayNames(
            $"{type.Name}.{method.Name}", architecture.ToString());

    [TestCaseSource(nameof(AllKernels))]
    public void Compiles_without_approximate_tanh_or_doubles(MethodInfo kernel, CudaArchitecture architecture)
        => Assert.That(Compile(kernel, architecture), Does.Not.Match(Forbidden()));

    [Test]
    public void An_approximate_tanh_or_a_double_would_be_seen()
    {
        MethodInfo Method(string name)
            => typeof(PtxTests).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!;
        Assert.That(Compile(Method(nameof(WithTanh)), CudaArchitecture.SM_80), Does.Match(Forbidden()));
        Assert.That(Compile(Method(nameof(WithDouble)), CudaArchitecture.SM_80), Does.Match(Forbidden()));
    }

    static void WithTanh(ArrayView<float> x) => x[Grid.IdxX] = MathF.Tanh(x[Grid.IdxX]);

    static void WithDouble(ArrayView<float> x) => x[Grid.IdxX] = (float)(x[Grid.IdxX] * 1.1);

    // tanh.approx is what MathF.Tanh becomes on sm_75 and later: 11 bits, not 24.
    [GeneratedRegex(@"\btanh\.approx|\.f64\b")]
    private static partial Regex Forbidden();

    static string Compile(MethodInfo kernel, CudaArchitecture architecture)
    {
        // A fresh context each time: one failed compile leaves ILGPU 1.5.3's context unusable.
        using Context context = Context.Create(
            b => b.CPU(CPUDeviceKind.Nvidia).EnableAlgorithms().Optimize(OptimizationLevel.O2));
        using var backend = new PTXBackend(
            context, new CudaCapabilityContext(architecture), architecture, CudaInstructionSet.ISA_80, null);
        EntryPointDescription entry = typeof(IIndex).IsAssignableFrom(kernel.GetParameters()[0].ParameterType)
            ? EntryPointDescription.FromImplicitlyGroupedKernel(kernel)
            : EntryPointDescription.FromExplicitlyGroupedKernel(kernel);
        return ((PTXCompiledKernel)backend.Compile(entry, new KernelSpecialization())).PTXAssembly;
    }
}
