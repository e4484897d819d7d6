using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, int>? _klDivergence;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        int, float>? _klDivergenceBackward;

    /// <summary>
    /// Writes <c>losses = KL(softmax(targetLogits) || softmax(logits))</c> for each row and, unless it is
    /// null, <c>dLogits = (softmax(logits) - softmax(targetLogits)) * gradientScale</c>.
    /// </summary>
    /// <remarks>
    /// No probabilities are stored. Equal rows give exactly 0 and a gradient of exactly 0; nearly equal rows
    /// may give a loss below 0 by rounding (about 1e-7), which is not clamped. Where the target has
    /// probability 0 a term is 0, also with -infinity in both rows.
    /// </remarks>
    /// <param name="targetLogits">[rows, V], of the distribution to be matched.</param>
    /// <param name="logits">[rows, V]</param>
    /// <param name="losses">[rows], in nats</param>
    /// <param name="dLogits">[rows, V]; may be <paramref name="logits"/>; null for losses alone.</param>
    /// <param name="gradientScale">1 / rows for the gradient of the mean.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void KlDivergence(
        Tensor targetLogits, Tensor logits, Tensor losses, Tensor? dLogits, float gradientScale)
    {
        (int rows, int V) = (logits.Rows, logits.Columns);
        Require(targetLogits.Length == logits.Length && targetLogits.Columns == V,
            $"{targetLogits} must have the shape of {logits}.");
        Require(losses.Length == rows, $"{losses} needs {rows} rows.");
        Require(dLogits is null || dLogits.Length == logits.Length,
            $"{dLogits} must have the shape of {logits}.");
        CountOp();
        if (logits.Length == 0)
            return;
        if (Host)
            KlDivergenceHost.Run(targetLogits.Pointer, logits.Pointer, losses.Pointer,
                dLogits is null ? null : dLogits.Pointer, rows, V, gradientScale);
        else if (dLogits is null)
            (_klDivergence ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, int>(KlDivergenceKernels.Forward))((rows, KlDivergenceKernels.BlockSize),
                targetLogits.View, logits.View, losses.View, V);
        else
            (_klDivergenceBackward ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                ArrayView<float>, ArrayView<float>, int, float>(KlDivergenceKernels.ForwardBackward))(
                (rows, KlDivergenceKernels.BlockSize),
                targetLogits.View, logits.View, losses.View, dLogits.View, V, gradientScale);
    }
}
