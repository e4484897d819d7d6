using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU.Backends.EntryPoints;
using ILGPU.Backends.PTX;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime;

/// <summary>
/// Loads kernels so that on CUDA their inline instructions keep their operands in registers.
/// </summary>
static class InlinePtxKernel
{
    // ILGPU 1.5.3 has no way to change a kernel's PTX before it is loaded, and no setter.
    static readonly FieldInfo? Text = typeof(PTXCompiledKernel).GetField(
        "<PTXAssembly>k__BackingField", BindingFlags.Instance | BindingFlags.NonPublic);

    static readonly ConditionalWeakTable<Accelerator, ConcurrentDictionary<MethodInfo, Delegate>> Loaded = [];

    /// <summary>
    /// Compiles an explicitly grouped kernel and loads it, once for each accelerator; on CUDA it passes
    /// through <see cref="PtxLocals"/>.
    /// </summary>
    /// <typeparam name="TLauncher">An action of the stream, the grid and the kernel's arguments.</typeparam>
    internal static TLauncher Load<TLauncher>(Accelerator accelerator, MethodInfo kernel)
        where TLauncher : Delegate
        => (TLauncher)Loaded.GetOrCreateValue(accelerator)
            .GetOrAdd(kernel, k => Compile<TLauncher>(accelerator, k));

    static TLauncher Compile<TLauncher>(Accelerator accelerator, MethodInfo kernel)
        where TLauncher : Delegate
    {
        if (accelerator is not CudaAccelerator cuda)
            return accelerator.LoadKernel(kernel).CreateLauncherDelegate<TLauncher>();
        var compiled = (PTXCompiledKernel)cuda.Backend.Compile(
            EntryPointDescription.FromExplicitlyGroupedKernel(kernel), KernelSpecialization.Empty);
        // without it: right, and slower
        Text?.SetValue(compiled, PtxLocals.ToRegisters(compiled.PTXAssembly));
        return cuda.LoadKernel(compiled).CreateLauncherDelegate<TLauncher>();
    }
}
