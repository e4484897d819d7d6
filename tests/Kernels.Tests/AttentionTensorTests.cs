using HeadTap.Reference;
using HeadTap.Runtime;
using ILGPU;
using ILGPU.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>Attention on tensor cores, whose fragments the simulator computes by shuffles.</summary>
public class AttentionTensorTests
{
    // One past the tile, a padding row, a head that fills no step; the simulator takes seconds for each tile.
    static readonly AttentionReference Shape = new(1, 66, 1, 12, [65], 0.29);

    [Test]
    public void Tf32_errs_at_most_twice_as_much_as_loops_over_rounded_operands()
        => Agrees(ReducedPrecision.Tf32, AttentionTensorKernels.ForwardTf32<ShuffleTensorCores>,
            AttentionTensorBackwardKernels.QueriesTf32<ShuffleTensorCores>,
            AttentionTensorBackwardKernels.KeysAndValuesTf32<ShuffleTensorCores>);

    [Test]
    public void Bf16_errs_at_most_twice_as_much_as_loops_over_rounded_operands()
        => Agrees(ReducedPrecision.Bf16, AttentionTensorKernels.ForwardBf16<ShuffleTensorCores>,
            AttentionTensorBackwardKernels.QueriesBf16<ShuffleTensorCores>,
            AttentionTensorBackwardKernels.KeysAndValuesBf16<ShuffleTensorCores>);

    static void Agrees(
        Func<float, float> rounded,
        Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
            int, int, int, float, int> forward,
        Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, int, int, int, float, int> queries,
        Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, int, int, int, float, int> keysAndValues)
    {
        (int T, int C) = (Shape.T, Shape.C);
        float[] qkv = Normal(31, T * 3 * C), dZ = Normal(32, T * C);
        ComputeDevice device = TestDevice.Open("simulator");
        using var arena = new TensorArena(device, 10L * T * C + 2 * T + 512);
        Tensor input = arena.Upload("qkv", qkv, T, 3 * C), gradient = arena.Upload("dZ", dZ, T, C);
        IndexTensor lengths = arena.UploadIndices("lengths", Shape.Lengths, 1);
        Tensor z = arena.Upload("z", AttentionRun.Garbage(T * C), T, C);
        Tensor lse = arena.Upload("logSumExp", AttentionRun.Garbage(T), T), dots = arena.Cut("rowDots", T);
        Tensor dQkv = arena.Upload("dQkv", AttentionRun.Garbage(T * 3 * C), T, 3 * C);

        Accelerator gpu = device.Accelerator!;
        KernelConfig grid = (2, AttentionTensorKernels.BlockSize);
        float scale = (float)Shape.Scale;
        gpu.LoadStreamKernel(forward)(grid, input.View, lengths.View, z.View, lse.View, T, 1, C, scale, 1);
        gpu.LoadAutoGroupedStreamKernel<Index1D, ArrayView<int>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, int, int, int, int>(AttentionBackwardKernels.RowDots)(
            T, lengths.View, z.View, gradient.View, dots.View, T, 1, C, 0);
        gpu.LoadStreamKernel(queries)(grid, input.View, lengths.View, lse.View, dots.View, gradient.View,
            dQkv.View, T, 1, C, scale, 0);
        gpu.LoadStreamKernel(keysAndValues)(grid, input.View, lengths.View, lse.View, dots.View, gradient.View,
            dQkv.View, T, 1, C, scale, 1);

        var exact = Shape.Forward(Wide(qkv));
        float[] Rounded(float[] values) => Array.ConvertAll(values, v => rounded(v));
        float[] operands = Rounded(qkv);
        var plain = Shape.Forward(operands);
        Agreement.AtMostTwiceFloat32("z", exact.Z, Shape.Mix(Rounded(plain.Pattern), operands), z.ToArray());
        Agreement.AtMostTwiceFloat32("logSumExp", exact.LogSumExp, plain.LogSumExp, lse.ToArray());

        float[] plainGradient = new float[dQkv.Length];
        float[] dPattern = Shape.MixBackward(Rounded(plain.Pattern), operands, Rounded(dZ), plainGradient);
        Shape.ScoresBackward(operands, Rounded(Shape.SoftmaxBackward(plain.Pattern, dPattern)), plainGradient);
        double[] exactGradient = Shape.Backward(Wide(qkv), exact.Pattern, Wide(dZ));
        Agreement.AtMostTwiceFloat32("dQkv", exactGradient, plainGradient, dQkv.ToArray());
    }
}
