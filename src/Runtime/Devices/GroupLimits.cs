namespace HeadTap.Runtime;

/// <summary>What one group of threads may have on a device, or what kernels ask for.</summary>
/// <param name="Threads">Threads of a group (OpenCL: a work-group).</param>
/// <param name="SharedBytes">Memory they share (CUDA: shared, OpenCL: local).</param>
public readonly record struct GroupLimits(int Threads, long SharedBytes)
{
    /// <summary>
    /// The most that any portable kernel asks for. Tests hold every kernel to it, so a device that passes
    /// <see cref="Refusal"/> when it is opened does not fail in the middle of a job.
    /// </summary>
    internal static GroupLimits OfKernels { get; set; } = new(256, 32 * 1024);

    /// <summary>
    /// Why a device with these limits cannot run the kernels, in one line; null when it can.
    /// </summary>
    public string? Refusal()
    {
        GroupLimits need = OfKernels;
        if (Threads < need.Threads)
            return $"groups end at {Threads} threads, and kernels need {need.Threads}";
        return SharedBytes < need.SharedBytes
            ? $"a group shares at most {SharedBytes} bytes, and kernels need {need.SharedBytes}" : null;
    }
}
