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
}
