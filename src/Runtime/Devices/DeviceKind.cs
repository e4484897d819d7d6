namespace HeadTap.Runtime;

/// <summary>Where ops run.</summary>
public enum DeviceKind
{
    /// <summary>Host path: vectorised bodies on all cores; no ILGPU launch.</summary>
    Cpu,

    /// <summary>ILGPU's CPU accelerator: the kernels themselves, bounds-checked and very slow.</summary>
    Simulator,

    /// <summary>ILGPU through OpenCL.</summary>
    OpenCl,

    /// <summary>ILGPU through CUDA.</summary>
    Cuda,
}
