using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>,
        int, int>? _crossEntropyChunk;
    Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int, float>?
        _crossEntropyChunkGradient;

    /// <summary>
    /// Takes columns [first, first + n) of logits into the losses: after the chunk that ends the vocabulary,
    /// <c>losses = -log softmax(logits)[target]</c>. Chunks come in order, the first with
    /// <paramref name="first"/> 0, which begins anew.
    /// </summary>
    /// <param name="logits">[rows, n]</param>
    /// <param name="targets">[rows]; -1 is not counted. Any other value outside the vocabulary gives
    /// NaN.</param>
    /// <param name="statistics">[rows, 3], kept from chunk to chunk.</param>
    /// <param name="losses">[rows], in nats; of the columns so far until the last chunk has come.</param>
    /// <param name="first">The chunk's first column.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    internal void CrossEntropyChunk(
        Tensor logits, IndexTensor targets, Tensor statistics, Tensor losses, int first)
    {
        (int rows, int n) = (logits.Rows, logits.Columns);
        Require(targets.Length == rows && losses.Length == rows, $"{targets} and {losses} need {rows} rows.");
        Require(statistics.Length == (long)rows * CrossEntropyChunkKernels.StatisticsPerRow,
            $"{statistics} must be [{rows}, {CrossEntropyChunkKernels.StatisticsPerRow}].");
        Require(first >= 0, $"first, {first}, is negative.");
        CountOp();
        if (logits.Length == 0)
            return;
        if (Host)
            CrossEntropyChunkHost.Statistics(
                logits.Pointer, targets.Pointer, statistics.Pointer, losses.Pointer, rows, first, n);
        else
            (_crossEntropyChunk ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>,
                ArrayView<float>, int, int>(CrossEntropyChunkKernels.Statistics))(
                (rows, CrossEntropyChunkKernels.BlockSize),
                logits.View, targets.View, statistics.View, losses.View, first, n);
    }

    /// <summary>
    /// Overwrites columns [first, first + n) of logits with
    /// <c>(softmax(logits) - onehot(target)) * gradientScale</c>, after all chunks have been taken in.
    /// </summary>
    /// <param name="targets">[rows]; -1 gives 0.</param>
    /// <param name="statistics">[rows, 3], of the whole vocabulary.</param>
    /// <param name="logits">[rows, n], the same values as when they were taken in.</param>
    /// <param name="first">The chunk's first column.</param>
    /// <param name="gradientScale">1 / counted targets for the gradient of the mean.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    internal void CrossEntropyChunkGradient(
        IndexTensor targets, Tensor statistics, Tensor logits, int first, float gradientScale)
    {
        (int rows, int n) = (logits.Rows, logits.Columns);
        Require(targets.Length == rows, $"{targets} needs {rows} rows.");
        Require(statistics.Length == (long)rows * CrossEntropyChunkKernels.StatisticsPerRow,
            $"{statistics} must be [{rows}, {CrossEntropyChunkKernels.StatisticsPerRow}].");
        CountOp();
        if (logits.Length == 0)
            return;
        if (Host)
            CrossEntropyChunkHost.Gradient(
                targets.Pointer, statistics.Pointer, logits.Pointer, rows, first, n, gradientScale);
        else
            (_crossEntropyChunkGradient ??= Gpu.LoadStreamKernel<ArrayView<int>, ArrayView<float>,
                ArrayView<float>, int, int, float>(CrossEntropyChunkKernels.Gradient))(
                (rows, CrossEntropyChunkKernels.BlockSize),
                targets.View, statistics.View, logits.View, first, n, gradientScale);
    }
}
