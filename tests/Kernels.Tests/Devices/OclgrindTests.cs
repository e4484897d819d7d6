using HeadTap.OpCases;
using HeadTap.Runtime;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Kernels.Tests;

/// <summary>What tests/oclgrind runs under Oclgrind.</summary>
public class OclgrindTests
{
    const int Threads = 64;

    // Shapes besides the second of every op, for the kernels that it does not reach.
    static readonly (string Op, string Shape)[] _more =
    [
        ("Activate", "GeluExact of 129 +- 6"), ("Activate", "Relu of 129 +- 6"),
        ("Attention", "B=1 T=34 H=1 D=66"), ("AttentionBackward", "B=1 T=34 H=1 D=66"),
        ("AttentionCached", "B=3 keys=130 H=1 D=6 of 140"), ("AttentionEdited", "B=1 T=34 H=2 D=66"),
        ("AttentionPacked", "N=4 S=3 keys=130 H=1 D=6"),
        ("CrossEntropy", "3 x 7"), ("KlDivergence", "3 x 7"), ("LinearCombination", "129, 3 terms"),
        ("MatMulTransposedActivateBackward", "1 x 1 x 1, Relu"), ("ScaleRows", "7 x 14"),
        ("Sgd", "37, momentum 0, dampening 0, decay 0.1, Nesterov False"), ("Supermask", "2 of 7, Normal"),
    ];

    [Test, Explicit("Has a data race on purpose; tests/oclgrind runs it under Oclgrind.")]
    public void A_race_is_there_to_be_found()
    {
        ComputeDevice device = TestDevice.Open("opencl");
        using var arena = new TensorArena(device, Threads);
        Tensor x = arena.Cut("x", Threads);
        device.Accelerator!.LoadStreamKernel<ArrayView<float>>(ReversedWithoutABarrier)((1, Threads), x.View);
        device.Synchronize();
    }

    // Values are not compared: OpCaseTests does that on PoCL, and Oclgrind 21.10 computes some wrongly.
    [Test, Explicit("Takes a minute; tests/oclgrind runs it under Oclgrind.")]
    public void Every_kernel_runs()
    {
        ComputeDevice device = TestDevice.Open("opencl");
        Dictionary<string, bool> reached = [];
        foreach (OpCase op in OpCase.All)
        {
            OpInstance second = op.Small.ElementAt(Math.Min(1, op.Small.Count() - 1));
            IEnumerable<OpInstance> more = _more.Where(shape => shape.Op == op.Name)
                .Select(shape => op.Small.Concat(op.Large).First(i => i.Shape == shape.Shape));
            foreach (OpInstance instance in more.Prepend(second))
                Run(device, instance, null, reached);
            if (op.Name is "MatMulAdd" or "HeadResults")
                Run(device, second, MatMulVariant.Large, reached);
        }
        Assert.That(reached.Where(k => !k.Value).Select(k => k.Key), Is.Empty, "kernels without a shape");
        foreach (string table in (string[])["_products", "_headProducts"])
            foreach (MatMulVariant variant in (MatMulVariant[])[MatMulVariant.Small, MatMulVariant.Large])
                Assert.That(reached.Keys, Has.Some.StartsWith($"{table}({variant}, "));
        foreach (bool wide in (bool[])[false, true])
            Assert.That(reached.Keys, Does.Contain($"_attentionEdited({wide}, {Precision.Fp32})"));
    }

    static void Run(
        ComputeDevice device, OpInstance instance, MatMulVariant? forced, Dictionary<string, bool> reached)
    {
        using var run = new OpRun(device, instance);
        run.Ops.ForcedMatMul = forced;
        run.Ops.ForcedParts = forced is null ? null : 2;
        run.Run();
        device.Synchronize();
        foreach ((string place, bool loaded) in LoadedKernels.Of(run.Ops))
            reached[place] = loaded || reached.GetValueOrDefault(place);
    }

    static void ReversedWithoutABarrier(ArrayView<float> x)
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(Threads);
        shared[Group.IdxX] = x[Group.IdxX] + 1f;
        x[Group.IdxX] = shared[Threads - 1 - Group.IdxX];
    }
}
