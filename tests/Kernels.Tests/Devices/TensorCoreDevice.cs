using HeadTap.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Kernels.Tests;

/// <summary>Devices of <see cref="TestDevice.TensorCores"/>, set to a precision.</summary>
static class TensorCoreDevice
{
    /// <summary>Opens one for products in <paramref name="precision"/>, or skips the test on a CUDA device
    /// that is too old. It is shared: the caller sets Fp32 again.</summary>
    internal static ComputeDevice Open(string name, Precision precision)
    {
        ComputeDevice device = TestDevice.Open(name);
        if (device.Accelerator is CudaAccelerator { Architecture: var found }
            && !Precisions.HasTensorCores(found))
            Assert.Ignore($"{found} has no {precision.Name()}");
        device.Precision = precision;
        return device;
    }

    /// <summary>Opens one for a forced kernel of the product, which needs no precision, or skips the test on
    /// a CUDA device that is too old for it.</summary>
    internal static ComputeDevice Open(string name, MatMulVariant variant)
    {
        ComputeDevice device = TestDevice.Open(name);
        if (device.Accelerator is CudaAccelerator { Architecture: var found }
            && variant is not (MatMulVariant.Small or MatMulVariant.Large)
            && !Precisions.HasTensorCores(found))
            Assert.Ignore($"{found} has no cp.async and tensor cores of that kind");
        return device;
    }
}
