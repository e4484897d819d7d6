using System.Collections.Concurrent;
using System.Reflection;
using ILGPU;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Kernels.Tests;

/// <summary>Kernels as PTX, each compiled once a run for each architecture, whoever asks.</summary>
static class PtxCompilation
{
    // CUDA 11.8's, the newest that Debian 12 has a ptxas for; at run time the driver's own version decides.
    static readonly CudaInstructionSet InstructionSet = CudaInstructionSet.ISA_78;
    static readonly ConcurrentDictionary<CudaArchitecture, Compiler> Compilers = new();
    static readonly ConcurrentDictionary<(MethodInfo, CudaArchitecture), Lazy<string>> Compiled = new();

    /// <summary>The PTX of a kernel.</summary>
    public static string Of(MethodInfo kernel, CudaArchitecture architecture) =>
        Compiled.GetOrAdd((kernel, architecture), key => new(() =>
            Compilers.GetOrAdd(key.Item2, a => new(a)).Compile(key.Item1))).Value;

    static (Context Context, PTXBackend Backend) Open(CudaArchitecture architecture)
    {
        Context context = Context.Create(
            b => b.CPU(CPUDeviceKind.Nvidia).EnableAlgorithms().Optimize(OptimizationLevel.O2));
        return (context, new PTXBackend(
            context, new CudaCapabilityContext(architecture), architecture, InstructionSet, null));
    }

    // One at a time for an architecture: architectures compile side by side.
    sealed class Compiler(CudaArchitecture architecture)
    {
        readonly Lock _turn = new();
        (Context Context, PTXBackend Backend)? _open;

        internal string Compile(MethodInfo kernel)
        {
            lock (_turn)
            {
                (Context context, PTXBackend backend) = _open ??= Open(architecture);
                try
                {
                    return PtxCompilation.Compile(backend, kernel);
                }
                catch
                {
                    // One failed compile leaves ILGPU 1.5.3's context unusable: the next gets a fresh one.
                    _open = null;
                    backend.Dispose();
                    context.Dispose();
                    throw;
                }
            }
        }
    }

    static string Compile(PTXBackend backend, MethodInfo kernel)
    {
        EntryPointDescription entry = typeof(IIndex).IsAssignableFrom(kernel.GetParameters()[0].ParameterType)
            ? EntryPointDescription.FromImplicitlyGroupedKernel(kernel)
            : EntryPointDescription.FromExplicitlyGroupedKernel(kernel);
        string ptx = ((PTXCompiledKernel)backend.Compile(entry, new KernelSpecialization())).PTXAssembly;
        return kernel.IsGenericMethod && kernel.GetGenericArguments().Contains(typeof(PtxTensorCores))
            ? PtxLocals.ToRegisters(ptx) // as InlinePtxKernel loads it
            : ptx;
    }
}
