using HeadTap.Kernels.Tests;

namespace HeadTap.Runtime.Tests;

/// <summary>
/// A device that is too small is refused in one line before any work, not by a crash in the middle.
/// </summary>
[NonParallelizable]
public class GroupLimitsTests
{
    [TestCase(256, 32768, null)]
    [TestCase(1024, 49152, null)]
    [TestCase(128, 65536, "groups end at 128 threads, and kernels need 256")]
    [TestCase(255, 32767, "groups end at 255 threads, and kernels need 256")]
    [TestCase(1024, 16384, "a group shares at most 16384 bytes, and kernels need 32768")]
    [TestCase(256, 0, "a group shares at most 0 bytes, and kernels need 32768")]
    public void A_small_device_is_refused_with_both_numbers(int threads, long shared, string? refusal)
        => Assert.That(new GroupLimits(threads, shared).Refusal(), Is.EqualTo(refusal));

    [Test]
    public void Opening_a_device_below_the_limits_says_so_and_names_the_others()
    {
        DeviceEntry found = Found();
        GroupLimits kernels = GroupLimits.OfKernels;
        try
        {
            GroupLimits.OfKernels = kernels with { SharedBytes = found.SharedBytes + 1 };
            var e = Assert.Throws<UserException>(() => ComputeDevice.Open("opencl").Dispose());
            Assert.That(e!.Message, Does.StartWith(
                $"device opencl cannot be used: a group shares at most {found.SharedBytes} bytes, and "
                + $"kernels need {found.SharedBytes + 1}; usable: "));
            Assert.That(e.Message, Does.EndWith(", auto")
                .And.Contain("cpu, simulator, ").And.Not.Contain("\n"));
            GroupLimits.OfKernels = kernels with { Threads = found.GroupSize + 1 };
            DeviceEntry refused = DeviceCatalog.List().First(d => d.Name == "opencl");
            Assert.That(refused.Refusal, Does.StartWith($"groups end at {found.GroupSize} threads"));
            Assert.That(DeviceCatalog.Automatic().Name, Is.Not.EqualTo("opencl"));
        }
        finally
        {
            GroupLimits.OfKernels = kernels;
        }
    }

    [Test]
    public void A_buffer_larger_than_the_device_gives_is_refused_in_one_line()
    {
        DeviceEntry found = Found();
        Assert.That(found.LargestBuffer, Is.InRange(1L << 20, found.MemoryInBytes));
        ComputeDevice device = TestDevice.Open("opencl");
        if (found.LargestBuffer == found.MemoryInBytes)
            Assert.Ignore("this OpenCL device gives all its memory in one piece");
        var e = Assert.Throws<UserException>(
            () => new TensorArena(device, found.LargestBuffer / sizeof(float) + 16, "weights").Dispose());
        Assert.That(e!.Message,
            Does.StartWith("weights needs ").And.Contain(" in one piece, and opencl gives at most ")
            .And.Not.Contain("\n"));
    }

    static DeviceEntry Found()
    {
        DeviceEntry found = DeviceCatalog.List().First(d => d.Name == "opencl");
        if (found.Refusal is { } reason)
            Assert.Ignore($"opencl: {reason}");
        return found;
    }
}
