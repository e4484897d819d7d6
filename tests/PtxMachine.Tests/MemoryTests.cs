namespace HeadTap.PtxMachine.Tests;

/// <summary>Allocations of device memory.</summary>
public sealed class MemoryTests
{
    [Test]
    public void Memory_is_counted_and_given_back()
    {
        using DeviceMemory memory = new(1000);
        nint a = memory.Allocate(600), b = memory.Allocate(400);
        Assert.That((a % 256, b % 256, memory.UsedBytes), Is.EqualTo(((nint)0, (nint)0, 1000L)));
        Assert.That(memory.Allocate(1) == 0, "there is none left");
        memory.Free(a);
        Assert.That(memory.UsedBytes, Is.EqualTo(400));
        Assert.Throws<ArgumentException>(() => memory.Free(a), "freed twice");
        Assert.Throws<ArgumentException>(() => memory.Free(b + 4), "no start");
    }

    [Test]
    public void An_allocation_ends_where_it_ends()
    {
        using DeviceMemory memory = new(1 << 20);
        nint a = memory.Allocate(100), b = memory.Allocate(100);
        Assert.That(memory.Contains(a, 100) && memory.Contains(b + 99, 1));
        Assert.That(memory.Contains(a, 101) || memory.Contains(a - 1, 1) || memory.Contains(b + 100, 1),
            Is.False);
        memory.Free(a);
        Assert.That(memory.Contains(a, 1), Is.False);
    }

    [Test]
    public unsafe void Fresh_memory_is_not_zero()
    {
        using DeviceMemory memory = new(1 << 20);
        Assert.That(float.IsNaN(*(float*)memory.Allocate(4)));
    }

    [Test]
    public void Freed_memory_is_out_of_bounds()
    {
        using TestKernel kernel = new();
        nint a = kernel.Upload(new uint[32]), other = kernel.Upload(new uint[32]);
        kernel.Memory.Free(a);
        Assert.That(Assert.Throws<PtxFault>(() => kernel.Launch(
            TestKernel.Text("ld.global.b32 %w1, [%ra];"), new(1), new(32), a))!.Kind,
            Is.EqualTo(FaultKind.OutOfBounds));
        Assert.DoesNotThrow(() => kernel.Launch(
            TestKernel.Text("ld.global.b32 %w1, [%ra];"), new(1), new(32), other));
    }
}
