namespace HeadTap.Runtime;

/// <summary>
/// What a job is going to allocate, by purpose: made before anything is allocated, printed, and refused in
/// one line when it cannot fit.
/// </summary>
public sealed class MemoryPlan(ComputeDevice device)
{
    const string Remedy = "try a smaller batch, shorter rows, fewer recorded sites, or another device";

    // CUDA loads a module per kernel when it is first launched, and gives kernels that spill a local memory.
    const long ModuleBytes = 256L << 20;

    readonly List<(string Purpose, long Bytes)> _parts = [];

    /// <summary>The parts, in the order they were added.</summary>
    public IReadOnlyList<(string Purpose, long Bytes)> Parts => _parts;

    /// <summary>Bytes of all parts.</summary>
    public long TotalBytes => _parts.Sum(p => p.Bytes);

    /// <summary>Adds a part measured in floats.</summary>
    public MemoryPlan Add(string purpose, long floats)
    {
        _parts.Add((purpose, checked(floats * sizeof(float))));
        return this;
    }

    /// <summary>Refuses a plan that the device cannot hold.</summary>
    /// <param name="remedy">A change that would make it fit, such as "a smaller " and a
    /// <see cref="Field"/>.</param>
    /// <exception cref="UserException">It does not fit.</exception>
    public void Require(string remedy) => Require(FreeBytes(device), remedy);

    /// <summary>Refuses a plan that does not fit a given memory.</summary>
    /// <param name="free">Free bytes.</param>
    /// <param name="remedy">A change that would make it fit.</param>
    /// <exception cref="UserException">It does not fit.</exception>
    public void Require(long free, string remedy)
    {
        if (TotalBytes > free)
            throw new UserException($"this needs {Text(TotalBytes)} ({this}), and {device.Name} has "
                + $"{Text(free)}; try {remedy}");
    }

    /// <summary>Bytes in words: 12.3 MiB.</summary>
    public static string Text(long bytes) => bytes switch
    {
        < 1L << 20 => $"{bytes / 1024.0:0.0} KiB",
        < 1L << 30 => $"{bytes / (double)(1L << 20):0.0} MiB",
        _ => $"{bytes / (double)(1L << 30):0.00} GiB",
    };

    /// <inheritdoc/>
    public override string ToString()
        => string.Join(", ", _parts.Select(p => $"{p.Purpose} {Text(p.Bytes)}"));

    internal static void Require(ComputeDevice device, string purpose, long bytes)
    {
        long free = FreeBytes(device), largest = device.Entry.LargestBuffer;
        if (largest > 0 && bytes > largest && bytes <= free)
            throw new UserException($"{purpose} needs {Text(bytes)} in one piece, and {device.Name} gives "
                + $"at most {Text(largest)}; try a smaller batch or model, or another device");
        if (bytes > free)
            throw new UserException(
                $"{purpose} needs {Text(bytes)}, and {device.Name} has {Text(free)} free; {Remedy}");
    }

    /// <summary>The refusal of a piece that a driver did not give, though it should have fitted.</summary>
    internal static UserException Refused(ComputeDevice device, string purpose, long bytes, Exception reason)
        => new($"{purpose} needs {Text(bytes)}, and the driver of {device.Name} did not give it; {Remedy}",
            reason);

    /// <summary>The memory that a device has left for tensors.</summary>
    public static long FreeBytes(ComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return Free(device.Entry.MemoryInBytes, device.ReservedBytes, device.LiveBytes, device.Sharers,
            device.DriverFreeBytes);
    }

    /// <summary>
    /// This user's part of a device, less what it holds; and no more than the driver has free, less room for
    /// the modules that it loads later.
    /// </summary>
    internal static long Free(long total, long reserved, long live, int sharers, long? driverFree)
    {
        long part = total / sharers - reserved - live;
        if (driverFree is not { } free)
            return part;
        long modules = Math.Min(ModuleBytes, total / 8);
        return Math.Min(part - modules / sharers, free - modules - reserved);
    }
}
