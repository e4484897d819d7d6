using System.Reflection;
using System.Text.RegularExpressions;
using HeadTap.Kernels;
using HeadTap.Kernels.Tests;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.OpenCL;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime.Tests;

/// <summary>The barriers in the OpenCL C that a device compiles.</summary>
public partial class OpenClFencesTests
{
    [TestCase(typeof(LayerNormKernels), nameof(LayerNormKernels.Forward))]
    [TestCase(typeof(MatMulKernels), nameof(MatMulKernels.Product))]
    public void Every_barrier_orders_what_a_group_shares(Type kernels, string name)
    {
        ComputeDevice device = TestDevice.Open("opencl");
        MethodInfo kernel = kernels.GetMethod(name)!;
        string source = ((CLCompiledKernel)((CLAccelerator)device.Accelerator!).Backend.Compile(
            EntryPointDescription.FromExplicitlyGroupedKernel(kernel), KernelSpecialization.Empty)).Source;
        string[] barriers = [.. Barrier().Matches(source).Select(m => m.Groups[1].Value.Trim())];
        Assert.That(barriers, Is.Not.Empty.And.All.EqualTo(OpenClFences.Flags));
    }

    [GeneratedRegex(@"barrier\s*\(([^)]*)\)")]
    private static partial Regex Barrier();
}
