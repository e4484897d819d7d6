using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime;

/// <summary>
/// What matrix products and fused attention multiply; sums, softmax and everything else are float32.
/// </summary>
public enum Precision
{
    /// <summary>float32.</summary>
    Fp32,

    /// <summary>Operands rounded to 10 bits after the point; CUDA from compute capability 8.0 on.</summary>
    Tf32,

    /// <summary>Operands rounded to 7 bits after the point; CUDA from compute capability 8.0 on.</summary>
    Bf16,
}

/// <summary>Names of precisions, and which device has which.</summary>
public static class Precisions
{
    /// <summary>Reads <c>fp32</c>, <c>tf32</c> or <c>bf16</c>.</summary>
    /// <exception cref="UserException">It is none of them.</exception>
    public static Precision Parse(string name) => name switch
    {
        "fp32" => Precision.Fp32,
        "tf32" => Precision.Tf32,
        "bf16" => Precision.Bf16,
        _ => throw new UserException(
            $"precision {Quoted.Name(name)} is unknown; expected fp32, tf32 or bf16"),
    };

    /// <summary>The name that <c>--precision</c> takes.</summary>
    public static string Name(this Precision precision) => precision switch
    {
        Precision.Tf32 => "tf32",
        Precision.Bf16 => "bf16",
        _ => "fp32",
    };

    /// <summary>The name that manifests carry: <c>float32</c> for fp32.</summary>
    public static string ManifestName(this Precision precision)
        => precision == Precision.Fp32 ? "float32" : precision.Name();

    /// <summary>True for an architecture whose tensor cores take TF32 and BF16.</summary>
    internal static bool HasTensorCores(CudaArchitecture? architecture)
        => architecture >= CudaArchitecture.SM_80;

    /// <summary>True for an architecture with cp.async, which came with those tensor cores.</summary>
    internal static bool HasAsyncCopies(CudaArchitecture? architecture) => HasTensorCores(architecture);

    /// <exception cref="UserException">The device lacks the precision.</exception>
    internal static void Require(Precision precision, DeviceEntry device, Accelerator? accelerator)
    {
        if (precision == Precision.Fp32 || HasTensorCores((accelerator as CudaAccelerator)?.Architecture))
            return;
        throw new UserException($"device {device.Name} has no {precision.Name()}: it takes a CUDA device of "
            + $"compute capability 8.0 or later; use {Field.Of(nameof(Precision))} fp32");
    }
}
