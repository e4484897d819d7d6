using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    /// <summary>Weights that share the units of their 8-bit moments in <see cref="AdamW8Bit"/>.</summary>
    public const int MomentBlockLength = AdamW8BitKernels.BlockLength;

    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<int>, ArrayView<int>,
        ArrayView<float>, AdamWScalars>? _adamW8Bit;

    /// <summary>
    /// One AdamW step in place, as <see cref="AdamW"/>, over moments that are kept in 8 bits: decoded,
    /// renewed in float32, used for the step as they are, and coded again (after Dettmers and others, "8-bit
    /// optimizers via block-wise quantization", 2022; a code is a number's fourth root, see docs/kernels.md).
    /// </summary>
    /// <remarks>
    /// Blocks of <see cref="MomentBlockLength"/> weights count from the first weight given. So slices of a
    /// longer vector that begin at whole blocks get the bits that one call gives them.
    /// </remarks>
    /// <param name="gradient">[n]</param>
    /// <param name="weight">[n]</param>
    /// <param name="m">[n / 4, rounded up], codes of the first moment; zeros before step 1.</param>
    /// <param name="v">[n / 4, rounded up], codes of the second moment; zeros before step 1.</param>
    /// <param name="units">[2 blocks], block = n / 256, rounded up: what code 1 stands for; zeros before step
    /// 1.</param>
    /// <param name="step">Options, and which step it is.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or the step is not 1 or more.</exception>
    public void AdamW8Bit(
        Tensor gradient, Tensor weight, IndexTensor m, IndexTensor v, Tensor units, in AdamWStep step)
    {
        long n = weight.Length, blocks = (n + MomentBlockLength - 1) / MomentBlockLength;
        Require(gradient.Length == n, $"{gradient} must have the length of {weight}.");
        Require(m.Length == (n + 3) / 4 && v.Length == (n + 3) / 4,
            $"{m} and {v} need {(n + 3) / 4} ints, four codes each, for {weight}.");
        Require(units.Length == 2 * blocks,
            $"{units} needs {2 * blocks} numbers, two for every {MomentBlockLength} of {weight}.");
        Require(step.Step >= 1, $"step {step.Step} must be at least 1.");
        CountOp();
        if (n == 0)
            return;
        AdamWScalars scalars = Scalars(step);
        if (Host)
            AdamW8BitHost.Update(gradient.Pointer, weight.Pointer, m.Pointer, v.Pointer, units.Pointer, n,
                scalars);
        else
            (_adamW8Bit ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<int>,
                ArrayView<int>, ArrayView<float>, AdamWScalars>(AdamW8BitKernels.Update))(
                (checked((int)blocks), AdamW8BitKernels.BlockSize),
                gradient.View, weight.View, m.View, v.View, units.View, scalars);
    }
}
