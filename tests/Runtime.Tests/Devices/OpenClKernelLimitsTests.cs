using HeadTap.Kernels;
using HeadTap.Kernels.Tests;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime.Tests;

/// <summary>What a driver gives a kernel, and the line that names it when that is too little.</summary>
[NonParallelizable]
public class OpenClKernelLimitsTests
{
    [Test]
    public void A_compiled_kernel_has_the_group_and_the_memory_it_was_written_with()
    {
        ComputeDevice device = TestDevice.Open("opencl");
        using var arena = new TensorArena(device, 256);
        var ops = new Ops(device) { ForcedMatMul = MatMulVariant.Large };
        ops.MatMul(arena.Cut("x", 2, 3), arena.Cut("weight", 3, 4), null, arena.Cut("y", 2, 4));
        OpenClKernel product = OpenClKernelLimits.Loaded((CLAccelerator)device.Accelerator!)
            .First(k => k.Name == "MatMulLargeKernels.Product");
        Assert.That(product.Needs.Threads, Is.EqualTo(MatMulLargeKernels.BlockSize));
        Assert.That(product.Needs.SharedBytes, Is.InRange(16896, GroupLimits.OfKernels.SharedBytes));
        Assert.That(product.Gives.Threads, Is.InRange(product.Needs.Threads, device.Entry.GroupSize));
        Assert.That(product.Refusal, Is.Null);
    }

    // PoCL gives every kernel the device's own limit, which ILGPU checks itself: the driver's refusal is made
    // up here, what it is explained by is asked of the compiled kernel.
    [Test]
    public void A_refused_launch_is_one_line_that_names_the_kernel_and_both_numbers()
    {
        ComputeDevice device = TestDevice.Open("opencl");
        var launch = device.Accelerator!.LoadStreamKernel<ArrayView<float>>(Crowd.Fill);
        using var arena = new TensorArena(device, 16);
        Tensor y = arena.Cut("y", 16);
        launch((1, 16), y.View);
        Assert.That(y.ToArray(), Is.All.EqualTo(1f), "in groups that fit it runs");
        var refusal = new InvalidOperationException(
            "outer", new CLException(CLError.CL_INVALID_WORK_GROUP_SIZE));
        Assert.That(Field.Plain(DriverFailure.Explain(refusal)!), Is.EqualTo(
            "the OpenCL driver failed with CL_INVALID_WORK_GROUP_SIZE: Crowd.Fill needs groups of "
            + $"{Crowd.BlockSize} threads, and the driver gives it {device.Entry.GroupSize}; "
            + "use Device cpu, or another driver"));
        GC.KeepAlive(launch);
    }

    [TestCase(256, 100, 128, 32768, "A.B needs groups of 256 threads, and the driver gives it 128")]
    [TestCase(256, 40000, 256, 32768,
        "A.B needs 40000 bytes that a group shares, and the driver gives it 32768")]
    [TestCase(256, 32768, 256, 32768, null)]
    public void Needs_beyond_what_is_given_are_said(
        int threads, long shared, int givenThreads, long givenShared, string? refusal)
        => Assert.That(
            new OpenClKernel("A.B", new(threads, shared), new(givenThreads, givenShared)).Refusal,
            Is.EqualTo(refusal));

    [Test]
    public void Other_failures_are_left_alone()
        => Assert.That(DriverFailure.Explain(new InvalidOperationException("x")), Is.Null);

    // More threads than any device has in a group.
    static class Crowd
    {
        public const int BlockSize = 1 << 20;

        public static void Fill(ArrayView<float> y)
        {
            if (Group.IdxX < y.Length)
                y[Group.IdxX] = 1f;
        }
    }
}
