using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Gpu;

/// <summary>
/// What a launch costs: times the ops of a pass, the most that batching or capturing launches could save.
/// </summary>
static class LaunchBench
{
    internal static void Run(Bench bench)
    {
        if (bench.Device.Accelerator is not { } accelerator)
            return;
        var launch = accelerator.LoadStreamKernel<ArrayView<float>, int>(Nothing);
        using MemoryBuffer1D<float, Stride1D.Dense> memory = accelerator.Allocate1D<float>(32);
        bench.LaunchMs = Turns.Alone(
            Turns.Ours(bench.Device, () => launch((1, 32), memory.View, 0)), 5).OursMs;
        if (!bench.Wanted("launch"))
            return;
        bench.BesideTorch("launch, queued", "1 group of 32", () => launch((1, 32), memory.View, 0),
            "PyTorch x += 1", "tiny", [], "time of one among many");
        bench.BesideTorch("launch, waited for", "1 group of 32", () =>
        {
            launch((1, 32), memory.View, 0);
            accelerator.Synchronize();
        }, "PyTorch x += 1", "tiny waited", []);
    }

    // Not empty to the compiler, and nothing to the device: n is 0.
    static void Nothing(ArrayView<float> x, int n)
    {
        if (n > 0)
            x[Group.IdxX] = n;
    }
}
