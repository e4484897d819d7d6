using System.Globalization;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime;

/// <summary>
/// The one owner of a device. Arenas take memory from it; <see cref="Dispose"/> throws when one of them is
/// still alive, so a leak is a failing test.
/// </summary>
public sealed class ComputeDevice : IDisposable
{
    readonly Context? _context;
    readonly List<Ops> _ops = [];
    MemoryBuffer1D<float, Stride1D.Dense>? _partialSums;

    ComputeDevice(DeviceEntry entry, Context? context, Accelerator? accelerator)
    {
        Entry = entry;
        _context = context;
        Accelerator = accelerator;
    }

    /// <summary>Name, memory and limits.</summary>
    public DeviceEntry Entry { get; }

    /// <summary>How the device runs ops.</summary>
    public DeviceKind Kind => Entry.Kind;

    /// <summary>The name it was opened by, <c>auto</c> resolved.</summary>
    public string Name => Entry.Name;

    /// <summary>Bytes held by arenas that have not been disposed.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>The most bytes arenas ever held at once.</summary>
    public long PeakBytes { get; private set; }

    /// <summary>
    /// Users of this device's memory in this process, such as the workers of a sweep: a plan takes an equal
    /// part of it, however much the others have taken so far.
    /// </summary>
    public int Sharers { get; set; } = 1;

    /// <summary>Ops begun so far: on ILGPU devices each is at least one launch.</summary>
    internal long OpCount { get; set; }

    /// <summary>What matrix products multiply.</summary>
    /// <remarks>Tests set it on the simulator, where shuffles imitate tensor cores; only there it may be
    /// set.</remarks>
    public Precision Precision { get; internal set; }

    /// <summary>True on the host path, where tensors are host memory.</summary>
    public bool IsHost => Accelerator is null;

    internal Accelerator? Accelerator { get; }

    /// <summary>
    /// Bytes that arenas do not get: room for <see cref="PartialSums"/> on ILGPU devices.
    /// </summary>
    internal long ReservedBytes => IsHost ? 0 : ProductPlan.MostPartialSums * sizeof(float);

    /// <summary>
    /// Bytes that the driver has free now, other programs' memory and our context taken off; null where a
    /// driver cannot say.
    /// </summary>
    internal long? DriverFreeBytes => (Accelerator as CudaAccelerator)?.GetFreeMemory();

    /// <summary>
    /// Where products whose terms are cut leave their sums until the next kernel of the stream adds them;
    /// taken when first asked for.
    /// </summary>
    internal ArrayView<float> PartialSums
        => (_partialSums ??= Accelerator!.Allocate1D<float>(ProductPlan.MostPartialSums)).View;

    /// <summary>
    /// Threads that host bodies run on, the caller's included; results do not depend on it.
    /// </summary>
    public static int HostThreadCount
    {
        get => HostThreads.Count;
        set => HostThreads.Count = value;
    }

    /// <summary>Bits of the vectors that host bodies use; results on the host depend on it.</summary>
    public static int HostVectorBits => HostSimd.Width;

    /// <summary>
    /// Opens <c>auto</c>, <c>cpu</c>, <c>simulator</c>, <c>opencl</c>, <c>opencl:1</c>, <c>cuda</c>,
    /// <c>cuda:1</c>, <c>ptx</c>, <c>ptx:sm_90</c> …
    /// </summary>
    /// <exception cref="UserException">The name is unknown, or the device is missing or refused.</exception>
    public static ComputeDevice Open(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == "cpu") // most runs; asking the drivers for the others costs tens of milliseconds
            return OpenHost();
        if (name == "simulator")
            return OpenSimulator();
        if (PtxMachineDriver.Architecture(name) is { } architecture)
            return OpenPtx(architecture);
        (string kind, int index) = Parse(name);
        if (kind == "auto")
            return Open(DeviceCatalog.Automatic().Name);
        string canonical = index == 0 ? kind : $"{kind}:{index}";
        IReadOnlyList<DeviceEntry> all = DeviceCatalog.List();
        DeviceEntry entry = all.FirstOrDefault(d => d.Name == canonical) ?? throw new UserException(
            $"device {name} does not exist; found: {string.Join(", ", Usable(all))}");
        if (entry.Refusal is { } reason)
            throw new UserException(
                $"device {name} cannot be used: {reason}; usable: {string.Join(", ", Usable(all))}");
        return entry.Kind == DeviceKind.Cuda ? OpenCuda(entry, index) : OpenOpenCl(entry, index);
    }

    /// <summary>Opens a device for products in <paramref name="precision"/>.</summary>
    /// <exception cref="UserException">As <see cref="Open(string)"/>, or the device lacks the
    /// precision.</exception>
    public static ComputeDevice Open(string name, Precision precision)
    {
        ComputeDevice device = Open(name);
        try
        {
            Precisions.Require(precision, device.Entry, device.Accelerator);
        }
        catch
        {
            device.Dispose();
            throw;
        }
        device.Precision = precision;
        return device;
    }

    /// <summary>The host path.</summary>
    public static ComputeDevice OpenHost() => new(DeviceCatalog.Host(), null, null);

    /// <summary>Opens ILGPU's CPU simulator: no GPU needed, slow, every access bounds-checked.</summary>
    /// <param name="warpSize">The warp to imitate: 16, 32 or 64 threads.</param>
    internal static ComputeDevice OpenSimulator(int warpSize = 32)
    {
        // As many threads as our largest group, and no more: each thread of the simulator is one of the
        // system's, and all of them meet at the barriers of every group, those outside the group too.
        int threads = GroupLimits.OfKernels.Threads;
        if (warpSize is not (16 or 32 or 64))
            throw new ArgumentOutOfRangeException(nameof(warpSize), warpSize, "Must be 16, 32 or 64.");
        var simulated = new CPUDevice(warpSize, threads / warpSize, 1);
        Context context = IlgpuContext.Create(b => b.CPU(simulated).EnableAlgorithms().Assertions());
        DeviceEntry entry = new("simulator", DeviceKind.Simulator, $"ILGPU simulator, warps of {warpSize}",
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, threads, null, false, "");
        return new(entry, context, context.CreateCPUAccelerator(0));
    }

    /// <summary>Waits for all queued work.</summary>
    public void Synchronize() => Accelerator?.Synchronize();

    /// <inheritdoc/>
    public void Dispose()
    {
        _partialSums?.Dispose();
        Accelerator?.Dispose();
        _context?.Dispose();
        if (LiveBytes != 0)
            throw new InvalidOperationException($"{LiveBytes} bytes of device memory were never disposed.");
    }

    /// <summary>
    /// Keeps the kernels that <paramref name="ops"/> loads until the device is disposed. ILGPU holds a kernel
    /// by a weak reference: without this the next ops compile it again whenever the collector has run.
    /// </summary>
    internal void Keep(Ops ops)
    {
        if (IsHost)
            return; // it has no kernels
        lock (_ops)
            _ops.Add(ops);
    }

    internal void Account(long bytes)
    {
        LiveBytes += bytes;
        PeakBytes = Math.Max(PeakBytes, LiveBytes);
    }

    static ComputeDevice OpenCuda(DeviceEntry entry, int index)
    {
        Context context = CudaContext();
        return new(entry, context, context.CreateCudaAccelerator(index));
    }

    static ComputeDevice OpenPtx(string architecture)
    {
        PtxMachineDriver.Install();
        Context context = CudaContext();
        var devices = context.GetCudaDevices();
        int index = 0;
        while (!string.Equals(devices[index].Architecture.ToString(), architecture,
            StringComparison.OrdinalIgnoreCase))
            index++;
        return new(PtxMachineDriver.Describe(architecture, devices[index]), context,
            context.CreateCudaAccelerator(index));
    }

    static Context CudaContext()
        => IlgpuContext.Create(b => b.Cuda().EnableAlgorithms().Optimize(OptimizationLevel.O2));

    static ComputeDevice OpenOpenCl(DeviceEntry entry, int index)
    {
        // O2, because only then ILGPU infers that a kernel's views are global memory; at O1 it declares them
        // __generic, which PoCL 3.1 refuses to compile (OpenClAdmission).
        OpenClFences.Set();
        Context context = IlgpuContext.Create(b => b
            .OpenCL(OpenClAdmission.Admit).EnableAlgorithms().Optimize(OptimizationLevel.O2));
        CLAccelerator accelerator = context.CreateCLAccelerator(index);
        OpenClKernelLimits.Opens(accelerator);
        return new(entry, context, accelerator);
    }

    static IEnumerable<string> Usable(IEnumerable<DeviceEntry> all)
        => all.Where(d => d.Refusal is null).Select(d => d.Name).Append("auto");

    static (string Kind, int Index) Parse(string name)
    {
        string[] parts = name.Split(':');
        int index = 0;
        if (parts[0] is not ("auto" or "cuda" or "opencl") || parts.Length > 2 || (parts.Length == 2
            && (parts[0] == "auto"
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index))))
            throw new UserException(
                $"device {name} is not a name; expected auto, cpu, simulator, opencl, opencl:N, "
                + $"cuda, cuda:N, {PtxMachineDriver.Names}");
        return (parts[0], index);
    }
}
