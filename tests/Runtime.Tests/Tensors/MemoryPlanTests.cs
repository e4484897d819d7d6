using HeadTap.Kernels.Tests;

namespace HeadTap.Runtime.Tests;

/// <summary>How much of a device's memory a plan may take.</summary>
public class MemoryPlanTests
{
    const long Gibibyte = 1L << 30, Mebibyte = 1L << 20;

    [Test]
    public void Without_a_driver_that_says_what_is_free_a_plan_takes_what_nobody_of_ours_holds()
        => Assert.That(MemoryPlan.Free(8 * Gibibyte, 32 * Mebibyte, Gibibyte, sharers: 1, driverFree: null),
            Is.EqualTo(7 * Gibibyte - 32 * Mebibyte));

    [TestCase(80L, 3L, 3L)] // other programs hold 77 of 80: 3 are left
    [TestCase(80L, 79L, 79L)]
    public void What_other_programs_hold_is_not_free(long total, long driverFree, long expected)
        => Assert.That(MemoryPlan.Free(total * Gibibyte, 0, 0, 1, driverFree * Gibibyte),
            Is.EqualTo(expected * Gibibyte - 256 * Mebibyte), "less room for modules");

    [Test]
    public void A_small_device_keeps_an_eighth_for_modules()
        => Assert.That(MemoryPlan.Free(Gibibyte, 0, 0, 1, Gibibyte), Is.EqualTo(Gibibyte - 128 * Mebibyte));

    [Test]
    public void Sharers_take_equal_parts_however_much_the_others_hold()
    {
        long part = MemoryPlan.Free(16 * Gibibyte, 0, 0, 4, 16 * Gibibyte);
        Assert.That(part, Is.EqualTo(4 * Gibibyte - 64 * Mebibyte));
        Assert.That(MemoryPlan.Free(16 * Gibibyte, 0, 0, 4, 14 * Gibibyte), Is.EqualTo(part));
        Assert.That(MemoryPlan.Free(16 * Gibibyte, 0, Gibibyte, 4, 13 * Gibibyte),
            Is.EqualTo(part - Gibibyte), "what this one holds is taken off");
    }

    [Test]
    public void What_does_not_fit_is_refused_with_what_to_lower()
    {
        ComputeDevice host = TestDevice.Open("cpu512");
        long floats = host.Entry.MemoryInBytes / 2;
        string line = Assert.Throws<UserException>(
            () => _ = new TensorArena(host, floats, "the batch"))!.Message;
        Assert.That(line, Does.StartWith("the batch needs ").And.Contain("cpu has ")
            .And.EndWith("try a smaller batch, shorter rows, fewer recorded sites, or another device"));
    }

    [Test]
    public void Parts_of_one_device_are_planned_with_by_its_sharers()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        long alone = MemoryPlan.FreeBytes(device);
        device.Sharers = 3;
        Assert.That(MemoryPlan.FreeBytes(device), Is.EqualTo(alone / 3));
    }

    [Test]
    public void A_tensor_that_no_array_can_hold_is_one_line()
    {
        string line = Assert.Throws<UserException>(
            () => Tensor.Countable(1L << 31, "pattern [2, 1024, 1024, 1024]"))!.Message;
        Assert.That(line, Does.StartWith("pattern [2, 1024, 1024, 1024] has 2147483648 elements"));
        Assert.That(Tensor.Countable(Array.MaxLength, "x"), Is.EqualTo(Array.MaxLength));
    }
}
