using HeadTap.Runtime;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels.Tests;

/// <summary>The proof that tests/oclgrind can fail.</summary>
public class OclgrindTests
{
    const int Threads = 64;

    [Test, Explicit("Has a data race on purpose; tests/oclgrind runs it under Oclgrind.")]
    public void A_race_is_there_to_be_found()
    {
        ComputeDevice device = TestDevice.Open("opencl");
        using var arena = new TensorArena(device, Threads);
        Tensor x = arena.Cut("x", Threads);
        device.Accelerator!.LoadStreamKernel<ArrayView<float>>(ReversedWithoutABarrier)((1, Threads), x.View);
        device.Synchronize();
    }

    static void ReversedWithoutABarrier(ArrayView<float> x)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads);
        shared[Group.IdxX] = x[Group.IdxX] + 1f;
        x[Group.IdxX] = shared[Threads - 1 - Group.IdxX];
    }
}
