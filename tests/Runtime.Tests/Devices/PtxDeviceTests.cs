using HeadTap.Kernels.Tests;
using HeadTap.PtxMachine;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime.Tests;

/// <summary>ILGPU's own CUDA path on the driver whose devices are interpreters of PTX.</summary>
[NonParallelizable]
public class PtxDeviceTests
{
    [OneTimeSetUp]
    public void SkipBesideARealDriver() => TestDevice.Open("ptx");

    [TestCase("ptx", "SM_80", 48 << 10), TestCase("ptx:sm_75", "SM_75", 48 << 10),
        TestCase("ptx:sm_90", "SM_90", 48 << 10)]
    public void Each_name_opens_a_CUDA_accelerator_of_its_architecture(string name, string found, long shared)
    {
        using ComputeDevice device = ComputeDevice.Open(name);
        var cuda = (CudaAccelerator)device.Accelerator!;
        Assert.That(cuda.Architecture.ToString(), Is.EqualTo(found));
        Assert.That((device.Name, device.Kind, device.Entry.IsGpu),
            Is.EqualTo((name, DeviceKind.Cuda, false)));
        Assert.That((device.Entry.SharedBytes, cuda.WarpSize), Is.EqualTo((shared, 32)));
        Assert.That(cuda.MaxGridSize, Is.EqualTo(new Index3D(int.MaxValue, 65535, 65535)));
        Assert.That(new GroupLimits(device.Entry.GroupSize, device.Entry.SharedBytes).Refusal(), Is.Null);
        Assert.That(device.Accelerator!.Name, Does.Contain(found.ToLowerInvariant()));
    }

    [Test]
    public void The_full_name_of_the_usual_one_is_the_same_device()
    {
        using ComputeDevice device = ComputeDevice.Open("ptx:sm_80");
        Assert.That(device.Name, Is.EqualTo("ptx"));
    }

    [TestCase("ptx:sm_70"), TestCase("ptx:"), TestCase("ptx:1")]
    public void Another_architecture_is_refused_by_name(string name)
        => Assert.That(() => ComputeDevice.Open(name), Throws.TypeOf<UserException>().With.Message.EqualTo(
            $"device {name} is not a name; expected ptx:sm_75, ptx, ptx:sm_90"));

    [Test]
    public void It_is_listed_as_no_GPU_and_in_the_driver_s_place()
    {
        IReadOnlyList<DeviceEntry> all = DeviceCatalog.List();
        DeviceEntry ptx = all.Single(d => d.Name == "ptx");
        Assert.That((ptx.Kind, ptx.IsGpu, ptx.Refusal), Is.EqualTo((DeviceKind.Cuda, false, (string?)null)));
        Assert.That(ptx.Details, Does.StartWith("not a GPU"));
        Assert.That(all.Single(d => d.Name == "cuda").Refusal,
            Is.EqualTo("the device ptx stands in for it in this process"));
        Assert.That(DeviceCatalog.Automatic(all).Name, Is.Not.EqualTo("ptx"));
    }

    [Test]
    public void Precisions_are_those_of_the_architecture()
    {
        using ComputeDevice device = ComputeDevice.Open("ptx", Precision.Bf16);
        Assert.That(device.Precision, Is.EqualTo(Precision.Bf16));
        Assert.That(() => ComputeDevice.Open("ptx:sm_75", Precision.Tf32), Throws.TypeOf<UserException>()
            .With.Message.StartsWith("device ptx:sm_75 has no tf32"));
    }

    [Test]
    public void Memory_is_counted_and_copied_there_and_back()
    {
        using ComputeDevice device = ComputeDevice.Open("ptx");
        var cuda = (CudaAccelerator)device.Accelerator!;
        long before = cuda.GetFreeMemory();
        Assert.That(before, Is.InRange(1, cuda.MemorySize));
        float[] values = Numbers.Normal(1, 1000);
        using (MemoryBuffer1D<float, Stride1D.Dense> buffer = cuda.Allocate1D(values))
        {
            Assert.That(before - cuda.GetFreeMemory(), Is.InRange(4000, 4000 + 4096));
            Assert.That(buffer.GetAsArray1D(), Is.EqualTo(values));
            buffer.MemSetToZero();
            Assert.That(buffer.GetAsArray1D(), Is.All.Zero);
        }
        Assert.That(cuda.GetFreeMemory(), Is.EqualTo(before));
        Assert.That(() => cuda.Allocate1D<byte>(cuda.MemorySize + 1), Throws.TypeOf<CudaException>()
            .With.Message.StartsWith($"{cuda.MemorySize + 1} bytes were asked for"));
    }

    [Test]
    public void Kernels_run_grouped_by_ILGPU_or_by_the_caller()
    {
        using ComputeDevice device = ComputeDevice.Open("ptx");
        Accelerator gpu = device.Accelerator!;
        float[] values = Numbers.Normal(2, 777);
        using MemoryBuffer1D<float, Stride1D.Dense> x = gpu.Allocate1D(values),
            y = gpu.Allocate1D<float>(777);
        gpu.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, ArrayView<float>>(Kernels.Doubled)(
            777, x.View, y.View);
        gpu.Synchronize();
        Assert.That(y.GetAsArray1D(), Is.EqualTo(Array.ConvertAll(values, v => 2 * v)));
        gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Kernels.Reversed)((13, 64), x.View, y.View);
        Assert.That(y.GetAsArray1D(), Is.EqualTo(values.Reverse()));
    }

    [Test]
    public void A_fault_is_the_message_of_ILGPU_s_exception_and_ends_nothing()
    {
        using ComputeDevice device = ComputeDevice.Open("ptx");
        Accelerator gpu = device.Accelerator!;
        using MemoryBuffer1D<float, Stride1D.Dense> x = gpu.Allocate1D<float>(64),
            y = gpu.Allocate1D<float>(64);
        x.MemSetToZero();
        var past = gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(Kernels.PastTheEnd);
        var e = Assert.Throws<CudaException>(() => past((1, 64), x.View, y.View))!;
        Assert.That(e.Message, Does.StartWith("OutOfBounds").And.Contain(nameof(Kernels.PastTheEnd)));
        Assert.That(e.Error, Is.EqualTo("CUDA_ERROR_ILLEGAL_ADDRESS"));
        PtxFault fault = PtxDriver.LastFault!;
        Assert.That((fault.Kind, fault.Thread), Is.EqualTo((FaultKind.OutOfBounds, new Dim3(63, 0, 0))));
        Assert.That(fault.Message, Is.EqualTo(e.Message));
        past((1, 63), x.View, y.View);
        gpu.Synchronize();
        Assert.That(y.GetAsArray1D().Take(63), Is.All.EqualTo(1f));
    }

    static class Kernels
    {
        internal static void Doubled(Index1D i, ArrayView<float> x, ArrayView<float> y) => y[i] = 2 * x[i];

        internal static void Reversed(ArrayView<float> x, ArrayView<float> y)
        {
            int i = Grid.GlobalLinearIndex;
            if (i < x.IntLength)
                y[x.IntLength - 1 - i] = x[i];
        }

        internal static void PastTheEnd(ArrayView<float> x, ArrayView<float> y)
            => y[Group.IdxX] = x[Group.IdxX] + x[Group.IdxX + 1] + 1;
    }
}
