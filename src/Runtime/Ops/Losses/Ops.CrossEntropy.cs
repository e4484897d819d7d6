using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, int>? _crossEntropy;
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        int, float>? _crossEntropyBackward;

    /// <summary>
    /// Writes <c>losses = -log softmax(logits)[target]</c> for each row and, unless it is null,
    /// <c>dLogits = (softmax(logits) - onehot(target)) * gradientScale</c>.
    /// </summary>
    /// <remarks>No probabilities are stored. NaN in a row gives a NaN loss.</remarks>
    /// <param name="logits">[rows, V]</param>
    /// <param name="targets">
    /// [rows]; -1 is not counted: loss 0 and gradient 0. Any other value outside [0, V) gives NaN.
    /// </param>
    /// <param name="losses">[rows], in nats</param>
    /// <param name="dLogits">[rows, V]; may be <paramref name="logits"/>; null for losses alone.</param>
    /// <param name="gradientScale">1 / counted targets for the gradient of the mean.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void CrossEntropy(
        Tensor logits, IndexTensor targets, Tensor losses, Tensor? dLogits, float gradientScale)
    {
        (int rows, int V) = (logits.Rows, logits.Columns);
        Require(targets.Length == rows && losses.Length == rows, $"{targets} and {losses} need {rows} rows.");
        Require(dLogits is null || dLogits.Length == logits.Length,
            $"{dLogits} must have the shape of {logits}.");
        CountOp();
        if (logits.Length == 0)
            return;
        if (Host)
            CrossEntropyHost.Run(logits.Pointer, targets.Pointer, losses.Pointer,
                dLogits is null ? null : dLogits.Pointer, rows, V, gradientScale);
        else if (dLogits is null)
            (_crossEntropy ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>, int>(
                CrossEntropyKernels.Forward))((rows, CrossEntropyKernels.BlockSize),
                logits.View, targets.View, losses.View, V);
        else
            (_crossEntropyBackward ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>,
                ArrayView<float>, ArrayView<float>, int, float>(CrossEntropyKernels.ForwardBackward))(
                (rows, CrossEntropyKernels.BlockSize),
                logits.View, targets.View, losses.View, dLogits.View, V, gradientScale);
    }
}
