using System.Reflection;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime;

/// <summary>One kernel as an OpenCL driver compiled it.</summary>
/// <param name="Name">Its class and method.</param>
/// <param name="Needs">Threads of its groups and memory they share, as compiled.</param>
/// <param name="Gives">What the driver gives a group of this kernel; less than the device's own limit when
/// the kernel takes many registers.</param>
readonly record struct OpenClKernel(string Name, GroupLimits Needs, GroupLimits Gives)
{
    /// <summary>Why a launch of it fails, or null.</summary>
    public string? Refusal => Needs.Threads > Gives.Threads
        ? $"{Name} needs groups of {Needs.Threads} threads, and the driver gives it {Gives.Threads}"
        : Needs.SharedBytes > Gives.SharedBytes
            ? $"{Name} needs {Needs.SharedBytes} bytes that a group shares, and the driver gives it "
                + $"{Gives.SharedBytes}" : null;
}

/// <summary>
/// What an OpenCL driver says of each kernel once it is compiled. A device's limits are checked when it is
/// opened (<see cref="GroupLimits"/>); a driver may still give one kernel less, and says so only by failing a
/// launch. <see cref="DriverFailure"/> turns that into a line that names the kernel and both numbers.
/// </summary>
static class OpenClKernelLimits
{
    static readonly List<WeakReference<CLAccelerator>> s_opened = [];

    // ILGPU 1.5.3 keeps a list of what an accelerator owns, kernels among it, in private fields.
    static readonly MethodInfo? s_owned = typeof(ILGPU.Runtime.Accelerator)
        .GetMethod("ForEachChildObject", BindingFlags.Instance | BindingFlags.NonPublic)
        ?.MakeGenericMethod(typeof(CLKernel));

    /// <summary>
    /// Why the first loaded kernel that asks for more than its driver gives fails; null if none does.
    /// </summary>
    internal static string? FirstRefusal()
        => Opened().SelectMany(Loaded).Select(k => k.Refusal).FirstOrDefault(r => r is not null);

    /// <summary>Remembers a device whose kernels <see cref="FirstRefusal"/> asks about.</summary>
    internal static void Opens(CLAccelerator accelerator)
    {
        lock (s_opened)
        {
            s_opened.RemoveAll(w => !w.TryGetTarget(out CLAccelerator? a) || a.IsDisposed);
            s_opened.Add(new(accelerator));
        }
    }

    /// <summary>The kernels that the device has compiled so far.</summary>
    internal static List<OpenClKernel> Loaded(CLAccelerator accelerator)
    {
        List<OpenClKernel> kernels = [];
        s_owned?.Invoke(accelerator, [(Action<CLKernel>)(k => kernels.Add(Of(accelerator, k)))]);
        return kernels;
    }

    static OpenClKernel Of(CLAccelerator accelerator, CLKernel kernel)
    {
        MethodInfo method = kernel.CompiledKernel.SourceMethod;
        // Explicitly grouped kernels say their group beside them; ILGPU chooses that of the others.
        int threads = method.DeclaringType?.GetField("BlockSize")?.GetRawConstantValue() as int? ?? 1;
        IntPtr device = ((CLDevice)accelerator.Device).DeviceId;
        long Ask(CLKernelWorkGroupInfoType what) => CLAPI.CurrentAPI.GetKernelWorkGroupInfo<IntPtr>(
            kernel.KernelPtr, device, what);
        return new($"{method.DeclaringType?.Name}.{method.Name}",
            new(threads, Ask(CLKernelWorkGroupInfoType.CL_KERNEL_LOCAL_MEM_SIZE)),
            new((int)Ask(CLKernelWorkGroupInfoType.CL_KERNEL_WORK_GROUP_SIZE),
                accelerator.MaxSharedMemoryPerGroup));
    }

    static List<CLAccelerator> Opened()
    {
        lock (s_opened)
            return [.. s_opened.Select(w => w.TryGetTarget(out CLAccelerator? a) && !a.IsDisposed ? a : null)
                .OfType<CLAccelerator>()];
    }
}
